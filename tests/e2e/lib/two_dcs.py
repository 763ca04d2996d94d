"""Two replicating domain controllers, and what a person can do to them and see of them past the program."""

import json
import os
import subprocess

from fixture import samba

ADDRESSES = {"dc1": "127.0.0.2", "dc2": "127.0.0.5"}
# What `samba within` is to be told.
NAMES = [f"--dns={address}" for address in ADDRESSES.values()] + \
        [f"{name}.contoso.test={address}" for name, address in ADDRESSES.items()] + ["vault.contoso.test=127.0.0.3"]
CLIENT_LIMIT_S = 30
# Exit codes of the LDAP clients are the protocol's result codes.
NO_RIGHT, UNWILLING, CONSTRAINT = 50, 53, 19


class TwoDcs:
    def __init__(self, folder):
        self.folder = folder
        samba.pair.launch_pair(folder, *ADDRESSES.values())
        self.seed = json.loads((folder / "seed.json").read_text(encoding="utf-8"))

    def of(self, dc):
        return self.folder / dc

    def password(self, sam):
        return (self.folder / "secrets" / sam).read_text(encoding="utf-8")

    def ldap(self, command, *arguments, dc="dc1", by="administrator", password=None, stdin=""):
        """One of OpenLDAP's clients, logged on to one server by name and password."""
        file = self.folder / "asked-bind"
        samba.write_private(file, password or self.password(by))
        try:
            return subprocess.run(
                [command, "-H", f"ldaps://{dc}.contoso.test", "-D", f"{by}@contoso.test", "-x", "-y", str(file),
                 *arguments], input=stdin.encode(), capture_output=True, timeout=CLIENT_LIMIT_S, check=False,
                env={"PATH": os.environ["PATH"], "LDAPTLS_CACERT": str(self.folder / "tls/ca.pem")})
        finally:
            file.unlink()

    def reset(self, sam, password, dc="dc1", by="administrator"):
        """Sets a password as an administrator does; returns the result code."""
        return self.modify(sam, {"replace": "unicodePwd", "unicodePwd": quoted(password)}, dc, by)

    def reset_right(self, sam, by="rotator"):
        """What the server says of a value that no password can be: UNWILLING where the right is there."""
        return self.modify(sam, {"replace": "unicodePwd", "unicodePwd": "unquoted".encode("utf-16-le")}, "dc1", by)

    def modify(self, sam, attributes, dc, by):
        record = samba.ldif(self.seed["accounts"][sam], {"changetype": "modify", **attributes})
        return self.ldap("ldapmodify", dc=dc, by=by, stdin=record).returncode

    def change(self, sam, old, new, dc="dc1"):
        """The account changes its own password; returns the result code."""
        delete = samba.ldif(self.seed["accounts"][sam], {"changetype": "modify", "delete": "unicodePwd",
                                                         "unicodePwd": quoted(old)}).rstrip("\n")
        add = samba.ldif("", {"add": "unicodePwd", "unicodePwd": quoted(new)}).split("\n", 1)[1]
        return self.ldap("ldapmodify", dc=dc, by=sam, password=old, stdin=f"{delete}\n-\n{add}").returncode

    def accepts(self, sam, password, dc):
        """Whether the Kerberos server of that domain controller accepts it; it knows no grace for the one before."""
        file = self.folder / "asked-password"
        samba.write_private(file, password)
        try:
            answer = samba.kinit(self.of(dc), sam, file)
        finally:
            file.unlink()
        if answer not in (0, 1):
            raise RuntimeError(f"{dc} gave no answer about {sam}")
        return answer == 0

    def key_version(self, sam, dc):
        return int(samba.attribute(self.of(dc), sam, "msDS-KeyVersionNumber"))

    def value(self, sam, name, dc):
        """An attribute in that server's database; None = not there."""
        return (samba.values(self.of(dc), sam, name) or [None])[0]

    def pdc(self, dc):
        """The short name of the PDC emulator, as one server's database has it."""
        done = samba.ldb("ldbsearch", self.of(dc), "-s", "base", "-b", self.seed["base"], "fSMORoleOwner")
        owner = done.stdout.replace("\n ", "").split("fSMORoleOwner: CN=NTDS Settings,CN=", 1)[1]
        return owner.split(",", 1)[0].lower()

    def replication(self, dc, word):
        samba.pair.replication(self.folder, dc, word)

    def separate(self):
        for dc in ADDRESSES:
            self.replication(dc, "off")

    def heal(self):
        for dc in ADDRESSES:
            self.replication(dc, "on")

    def hosts(self, service, dc):
        """The short names that one server's DNS gives for a service."""
        found = samba.ask.services(ADDRESSES[dc], f"{service}.contoso.test")
        return sorted(host.split(".", 1)[0] for *_, host in found)


def quoted(password):
    return f'"{password}"'.encode("utf-16-le")
