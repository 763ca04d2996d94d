"""The prepared folders that a start copies: one seeded domain controller, or two that replicate."""

import fcntl
import hashlib
import os
import shutil
import stat
import time
from contextlib import contextmanager
from pathlib import Path

from .certificates import make_ca
from .database import DOMAIN, REALM
from .seed import HOST, SHIPPED, seed, shipped
from .server import THIN, configuration, note, register
from .tools import TESTBED, Failed, tool, with_samba

PROVISION_SECONDS = 180
TEMPLATE_VERSION = 2  # raise it when the seed changes: an older template is made again
# The addresses that a template's DNS records name. A start with others writes the records anew.
ADDRESS, SECOND_ADDRESS = "127.0.0.2", "127.0.0.5"
# What a server makes anew when it starts, some of it only where it finds the modes it wants.
PASSING = ["state/msg.lock", "state/msg.sock", "state/names.tdb", "state/gencache.tdb", "run", "pid", "samba.log"]


def default(variable, name):
    named = os.environ.get(variable)
    return Path(named) if named else TESTBED.parent.parent / "target" / "testbed" / name


def default_template():
    return default("ENTRA_ROTATOR_SAMBA_TEMPLATE", "samba-template")


def default_pair():
    return default("ENTRA_ROTATOR_SAMBA_PAIR_TEMPLATE", "samba-pair-template")


def complete(folder):
    try:
        return (folder / "version").read_text() == version()
    except OSError:
        return False


def version():
    """What a template was made of: its own number, and the rights that the product ships."""
    return f"{TEMPLATE_VERSION} {hashlib.sha256(''.join(map(shipped, SHIPPED)).encode()).hexdigest()[:16]}"


@contextmanager
def alone(folder):
    """Keeps others from making the same template meanwhile."""
    with open(folder.parent / f".{folder.name}.lock", "w") as lock:
        deadline = time.monotonic() + PROVISION_SECONDS + 60
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Failed(f"somebody else has been making {folder} for too long") from None
                time.sleep(0.2)
        yield


def prepare(folder, make):
    """Makes a template beside its place and moves it there when it is whole."""
    if complete(folder):
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with alone(folder):
            if complete(folder):
                return
            new = folder.with_name(folder.name + ".new")
            for old in (new, folder):
                shutil.rmtree(old, ignore_errors=True)
            new.mkdir()
            os.chmod(new, 0o700)
            make(new)
            (new / "version").write_text(version())
            publish(new)
            new.rename(folder)
    except PermissionError as error:
        raise Failed(f"the template {folder} is not there and can't be made: {error}; "
                     "ENTRA_ROTATOR_SAMBA_TEMPLATE and ENTRA_ROTATOR_SAMBA_PAIR_TEMPLATE name other places") from None


def template(folder):
    prepare(folder, provision)


def provision(new):
    with_samba("provision.py", "-s", "/dev/null", f"--targetdir={new}/state", f"--realm={REALM}", f"--domain={DOMAIN}",
               "--server-role=dc", "--dns-backend=SAMBA_INTERNAL", "--host-name=dc1", f"--host-ip={ADDRESS}",
               seconds=PROVISION_SECONDS)
    note(new, HOST, ADDRESS)
    (new / "smb.conf").write_text(configuration(new, ADDRESS, THIN))
    make_ca(new / "tls")
    seed(new)
    # A client's Kerberos logon to LDAP asks for a name that provisioning left out.
    tool("samba_spnupdate", f"--configfile={new}/smb.conf")
    register(new, "dc1", {"dc1": ADDRESS})


def publish(folder):
    """Lets everybody copy the template: its passwords open nothing but throw-away servers in private networks."""
    for server in (folder, folder / "dc1", folder / "dc2"):
        for name in PASSING:
            shutil.rmtree(server / name, ignore_errors=True)
            (server / name).unlink(missing_ok=True)
    each(folder, lambda mode: mode | 0o444 | (0o111 if stat.S_ISDIR(mode) else 0))


def each(folder, change):
    """Changes the modes of a folder and of everything below."""
    for place, _, files in os.walk(folder):
        for path in [Path(place), *(Path(place) / name for name in files)]:
            if not path.is_symlink():
                os.chmod(path, change(stat.S_IMODE(path.stat().st_mode) | stat.S_IFMT(path.stat().st_mode)) & 0o7777)


def copy(source, folder):
    """A server's own folder, which nobody else reads but for what clients trust."""
    if folder.exists() and any(folder.iterdir()):
        raise Failed(f"{folder} is not empty and no server's folder")
    folder.mkdir(parents=True, exist_ok=True)
    # Without the owner: in a user namespace of one user nothing can belong to another.
    tool("cp", "-R", "-P", "--preserve=mode,timestamps", f"{source}/.", str(folder))
    for path in [*folder.rglob("secrets"), *folder.rglob("private"), *folder.rglob("*.key")]:
        if not path.is_symlink():
            each(path, lambda mode: mode & ~0o077)
            os.chmod(path, path.stat().st_mode & ~0o077)
