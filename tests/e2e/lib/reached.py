"""A model server that is reached over a wire: a real sshd, behind it the agent, before it a door that numbers requests."""

import atexit
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

from fixture import PROGRAM, SERVER, text_of
from vaults import OpenBaoWorld

SSH_ADDRESS, SSH_PORT = "127.0.0.6", 2222
SSHD = "/usr/sbin/sshd"
DOOR = Path(__file__).resolve().parent / "agent-door"
START_LIMIT_S = 10


def key_pair(file):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True, timeout=30,
                   stdin=subprocess.DEVNULL)


class SshWorld(OpenBaoWorld):
    """OpenBao, and the model server at the other end of a real sshd."""

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
LogLevel VERBOSE
""")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.sshd = subprocess.Popen([SSHD, "-D", "-E", self.ssh / "log", "-f", self.ssh / "sshd_config"],
                                     stdin=subprocess.DEVNULL)
        atexit.register(self.sshd.kill)
        deadline = time.monotonic() + START_LIMIT_S
        while "Server listening" not in (self.ssh / "log").read_text(errors="replace") if (self.ssh / "log").exists() else True:
            if time.monotonic() > deadline or self.sshd.poll() is not None:
                raise RuntimeError(f"sshd does not listen: {(self.ssh / 'log').read_text()}")
            time.sleep(0.02)

    def server_section(self, value):
        agent = [str(DOOR), str(self.server_door()), PROGRAM, "--lab", "--lab-dir", str(value["lab"]), "agent", "--lab-server", SERVER]
        return f"""kind = "ssh"
host = {text_of(SSH_ADDRESS)}
port = {SSH_PORT}
user = {text_of(pwd.getpwuid(os.geteuid()).pw_name)}
known_hosts_file = {text_of(self.ssh / "known_hosts")}
logon = "key"
key_file = {text_of(self.ssh / "rotator")}
command = {text_of(" ".join(agent))}"""

    def server_door(self):
        """The socket where whoever numbers requests listens; without one the door lets everything through."""
        return self.ssh / "door"
