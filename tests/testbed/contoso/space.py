"""A command in networks, mounts and a process tree of its own, as root or as anybody."""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

from .tools import TESTBED, Failed, Unavailable, missing, tool

PROBE_SECONDS = 20
NOBODY = 65534


def within(names, command):
    if not command or any("=" not in name for name in names):
        raise Failed("usage: samba within [--dns=ADDRESS]... NAME=ADDRESS... -- COMMAND...")
    if not shutil.which("unshare"):
        raise missing("unshare")
    # Whoever is not root is root in a user namespace, where the low ports are free as well.
    user = [] if os.geteuid() == 0 else ["-U", "-r"]
    os.execvp("unshare", ["unshare", *user, "-n", "-m", "-p", "-f", "--kill-child", "--mount-proc", sys.executable,
                          str(TESTBED / "samba"), "inside", *names, "--", *command])


def inside(names, command):
    """The first process of the new namespaces: brings the loopback up, names the hosts, runs the command."""
    SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(loopback, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(loopback, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
    # A new tmpfs that only these mounts see, so that nothing is left behind.
    tool("mount", "-t", "tmpfs", "tmpfs", "/mnt")
    servers = [name.split("=", 1)[1] for name in names if name.startswith("--dns=")]
    hosts = Path("/mnt/hosts")
    hosts.write_text("127.0.0.1 localhost\n" + "".join(
        "{1} {0}\n".format(*name.split("=", 1)) for name in names if not name.startswith("--")))
    resolver = Path("/mnt/resolv.conf")
    resolver.write_text("".join(f"nameserver {address}\n" for address in servers or ["127.0.0.1"]) +
                        "options attempts:1 timeout:1\n")
    tool("mount", "--bind", str(hosts), "/etc/hosts")
    tool("mount", "--bind", str(resolver), os.path.realpath("/etc/resolv.conf"))
    return subprocess.run(command, check=False).returncode


def can_unprivileged():
    """Tries `within` as somebody who is not root; says why not when the machine does not let him."""
    probe = ("import socket; s = socket.socket(); s.bind(('127.0.0.2', 636)); "
             "open('/etc/hosts').read().index('probe.test')")
    drop = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    # `env` finds a Python that this user may run; the one at work here may be root's own.
    command = ["env", "python3", "-B", str(TESTBED / "samba"), "within", "probe.test=127.0.0.2", "--", "env", "python3",
               "-c", probe]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False, cwd="/",
                              stdin=subprocess.DEVNULL, **drop)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Unavailable(f"nothing can be run as another user: {error}") from None
    if done.returncode != 0:
        why = (done.stderr.strip() or f"it ended with {done.returncode}").splitlines()[-1]
        raise Unavailable(f"this machine lets nobody but root have networks of his own: {why}")
