"""A model server that is reached over a wire: a real sshd or WinRM's stand-in, behind it the agent, before it a door that
numbers requests."""

import atexit
import base64
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from checks import TESTBED
from fixture import PROGRAM, SERVER, load, new_password, openbao, samba, text_of
from vaults import OpenBaoWorld

SSH_ADDRESS, SSH_PORT = "127.0.0.6", 2222
SSHD = "/usr/sbin/sshd"
WINRM_HOST, WINRM_ADDRESS, WINRM_PORT = "connect1.contoso.test", "127.0.0.1", 5986
DOOR = Path(__file__).resolve().parent / "agent-door"
START_LIMIT_S = 10


def key_pair(file):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True, timeout=30,
                   stdin=subprocess.DEVNULL)


class ReachedWorld(OpenBaoWorld):
    """OpenBao, and the model server at the other end of a wire."""

    # More words for the agent, and whether what it writes to standard error is kept, in `agent_talk`.
    agent_words, keeps_talk = (), False

    @property
    def agent_talk(self):
        return self.folder / "agent-talk"

    def command(self, value):
        """What is run on the server: the agent, behind the door."""
        keeper = []
        if self.keeps_talk:
            keeper = [str(self.folder / "keeping-talk")]
            Path(keeper[0]).write_text('#!/bin/bash\nset -o pipefail\n'
                                       f'{{ "$@" 2>&1 >&3 | tee -a "{self.agent_talk}" >&2; }} 3>&1\n')
            Path(keeper[0]).chmod(0o700)
        agent = [PROGRAM, *self.agent_words, "--lab", "--lab-dir", str(value["lab"]), "agent", "--lab-server", SERVER]
        # Not by its first line: what `python3` is may be looked up by a script of its own.
        return " ".join([sys.executable, "-IS", str(DOOR), str(self.server_door()), *keeper, *agent])

    def server_door(self):
        """The socket where whoever numbers requests listens; without one the door lets everything through."""
        return self.folder / "door"


class SshWorld(ReachedWorld):
    """Behind a real sshd."""

    address = f"{SSH_ADDRESS}:{SSH_PORT}"
    log_level = "VERBOSE"

    def start_server(self):
        self.ssh = self.folder / "ssh"
        self.ssh.mkdir(mode=0o700)
        for name in ("host", "rotator"):
            key_pair(self.ssh / name)
        shutil.copyfile(self.ssh / "rotator.pub", self.ssh / "authorized")
        host_key = (self.ssh / "host.pub").read_text().split()[:2]
        (self.ssh / "known_hosts").write_text(f"[{SSH_ADDRESS}]:{SSH_PORT} {' '.join(host_key)}\n")
        (self.ssh / "sshd_config").write_text(f"""ListenAddress {SSH_ADDRESS}:{SSH_PORT}
HostKey {self.ssh / "host"}
AuthorizedKeysFile {self.ssh / "authorized"}
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
# A shell that is not the first reads no ~/.bashrc: what stands there is not tested, and may take longer than all the rest.
SetEnv SHLVL=1
LogLevel {self.log_level}
""")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.begin_server()

    def begin_server(self):
        """Starts it, or starts it again."""
        log = self.ssh / "log"
        before = log.stat().st_size if log.exists() else 0
        self.sshd = subprocess.Popen([SSHD, "-D", "-E", log, "-f", self.ssh / "sshd_config"], stdin=subprocess.DEVNULL)
        atexit.register(self.sshd.kill)
        deadline = time.monotonic() + START_LIMIT_S
        while not (log.exists() and b"Server listening" in log.read_bytes()[before:]):
            if time.monotonic() > deadline or self.sshd.poll() is not None:
                raise RuntimeError(f"sshd does not listen: {log.read_text(errors='replace')}")
            time.sleep(0.02)

    def kill_server(self):
        """Ends it, with all its connections. An agent that runs goes on: nobody told it."""
        for pid in [self.sshd.pid, *descendants(self.sshd.pid, "sshd")]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.sshd.wait(START_LIMIT_S)

    def key_seed(self):
        """The secret bytes of the rotator's key: the last field of 64 bytes in OpenSSH's form begins with them."""
        lines = (self.ssh / "rotator").read_text().split("-----")[2]
        raw = base64.b64decode("".join(lines.split()))
        begin = raw.rindex(b"\0\0\0\x40") + 4
        return raw[begin:begin + 32]

    def server_section(self, value):
        return f"""kind = "ssh"
host = {text_of(SSH_ADDRESS)}
port = {SSH_PORT}
user = {text_of(pwd.getpwuid(os.geteuid()).pw_name)}
known_hosts_file = {text_of(self.ssh / "known_hosts")}
logon = "key"
key_file = {text_of(self.ssh / "rotator")}
command = {text_of(self.command(value))}"""


class WinrmWorld(ReachedWorld):
    """Behind the stand-in of WinRM's listener, with a logon by NTLM."""

    address = f"{WINRM_HOST}:{WINRM_PORT}"
    user = "CONTOSO\\rotator"
    # What all that comes and goes is written to; None = nothing.
    access_log = None
    # Where the server has the passwords of those who may log on: no leak.
    server_folder = "winrm"

    def start_server(self):
        folder = self.folder / self.server_folder
        folder.mkdir(mode=0o700)
        openbao.make_ca(folder / "tls")
        openbao.make_leaf(folder / "tls", "server", [WINRM_ADDRESS, WINRM_HOST])
        self.logon_file = self.folder / "winrm-password"
        samba.write_private(self.logon_file, new_password())
        domain, name = self.user.split("\\")
        samba.write_private(folder / "users", f"{domain}:{name}:{self.logon_file.read_text()}\n")
        self.winrm = folder
        (folder / "config.json").write_text(json.dumps({
            "certificate": str(folder / "tls/server.pem"), "key": str(folder / "tls/server.key"), "users": str(folder / "users"),
            "port": WINRM_PORT} | ({"log": str(self.folder / self.access_log)} if self.access_log else {})))
        self.begin_server()

    def begin_server(self):
        """Starts it, or starts it again."""
        self.listener = subprocess.Popen([sys.executable, TESTBED / "winrm", "serve", self.winrm / "config.json"],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self.listener.kill)
        if not self.listener.stdout.readline():
            raise RuntimeError("the stand-in of WinRM's listener did not start")

    def kill_server(self):
        """Ends it, with all its connections. An agent that runs goes on: nobody told it."""
        self.listener.kill()
        self.listener.wait(START_LIMIT_S)

    def server_section(self, value):
        return f"""kind = "winrm"
url = "https://{WINRM_HOST}:{WINRM_PORT}/wsman"
address = {text_of(WINRM_ADDRESS)}
ca_file = {text_of(self.winrm / "tls/ca.pem")}
logon = "ntlm"
user = {text_of(self.user)}
password = {{ file = {text_of(value.get("logon_file", self.logon_file))} }}
command = {text_of(self.command(value))}"""

    def proofs(self):
        """What the rotator proved itself with, logon by logon: NTLM's answers to a challenge, from which a password can
        be guessed at leisure."""
        text = (self.folder / self.access_log).read_bytes()
        tokens = [base64.b64decode(token) for token in re.findall(rb"(?i)\nauthorization: Negotiate ([A-Za-z0-9+/=]+)", text)]
        last = [token for token in tokens if token.startswith(b"NTLMSSP\0\3\0\0\0")]
        # MS-NLMP, 2.2.1.3: length, room and offset of NtChallengeResponse; NTProofStr is its beginning.
        at = [int.from_bytes(token[24:28], "little") for token in last]
        return [token[begin:begin + 16] for token, begin in zip(last, at)]


def nt_hash(password):
    """What NTLM knows a password by, and as good as it. By the stand-in's own library: Python's may have no MD4."""
    sys.path.insert(0, str(load("winrm").home()))
    from spnego._ntlm_raw.md4 import md4

    return md4(password.encode("utf-16-le"))


def descendants(parent, name):
    """The processes below this one whose name begins so."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        comm, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        if int(rest[1]) == parent and comm.startswith(name):
            found += [int(stat.parent.name), *descendants(int(stat.parent.name), name)]
    return found


REACHED = {"over SSH": SshWorld, "over WinRM": WinrmWorld}
