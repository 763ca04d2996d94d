"""A domain controller's database, read and changed as the files on disk: no server is asked."""

import base64
import json
import os
import subprocess
import tempfile
import threading

from .tools import TOOL_SECONDS, Failed, samba_script, tool

REALM, DOMAIN, BASE = "CONTOSO.TEST", "CONTOSO", "DC=contoso,DC=test"
SITE = "Default-First-Site-Name"


def ldif(dn, attributes):
    """One LDIF record; values are encoded, the words of a change record must stay plain."""
    def line(name, value):
        if name in ("changetype", "replace", "add", "delete"):
            return f"{name}: {value}\n"
        return f"{name}:: {base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()}\n"
    return line("dn", dn) + "".join(line(name, value) for name, value in attributes.items()) + "\n"


def controller(folder):
    """The folder of one server: of a pair's, that of dc1, which is the PDC emulator at first."""
    return folder / "dc1" if (folder / "dc1").is_dir() else folder


def database_file(folder):
    return f"{controller(folder)}/state/private/sam.ldb"


def database(folder):
    return "-H", database_file(folder), f"--configfile={controller(folder)}/smb.conf"


def ldb(command, folder, *arguments, stdin=None):
    return tool(command, *database(folder), *arguments, stdin=stdin)


def escaped(value):
    """A value inside a search filter."""
    return "".join(f"\\{byte:02x}" if byte < 0x30 or byte > 0x7a or byte == 0x5c else chr(byte)
                   for byte in value.encode())


class Reader:
    """A process that keeps one database open. It ends when this one does."""

    all, making = {}, threading.Lock()

    def __init__(self, folder):
        self.turn, self.talk = threading.Lock(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            samba_script("reader.py", f"{folder}/smb.conf", database_file(folder)), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.talk, env={**os.environ, "LC_ALL": "C.UTF-8"})

    @classmethod
    def of(cls, folder):
        """A database that was put there anew has a reader of its own."""
        folder = controller(folder)
        try:
            key = str(folder), os.stat(database_file(folder)).st_ino
        except OSError as trouble:
            raise Failed(f"there is no database: {trouble}") from None
        with cls.making:
            reader = cls.all.get(key)
            if reader is None or reader.process.poll() is not None:
                reader = cls.all[key] = cls(folder)
            return reader

    def ask(self, expression, names):
        with self.turn:
            # Who does not answer in time is ended, and then its output is.
            alarm = threading.Timer(TOOL_SECONDS, self.process.kill)
            alarm.start()
            try:
                self.process.stdin.write(f"{json.dumps([expression, names])}\n".encode())
                self.process.stdin.flush()
                answer = self.process.stdout.readline()
            except OSError:
                answer = b""
            finally:
                alarm.cancel()
            if not answer.endswith(b"\n"):
                self.process.kill()
                self.process.wait()
                self.talk.seek(0)
                raise Failed(f"{expression} can't be read: {self.talk.read().decode(errors='replace')}")
            return json.loads(answer)


def all_values(folder, sam, *names):
    """The values of attributes of one account, a list for each; `dn` is one too."""
    found = Reader.of(folder).ask(f"(sAMAccountName={escaped(sam)})", names)
    return [found[name] for name in names]


def values(folder, sam, name):
    """The values of one of them."""
    return all_values(folder, sam, name)[0]


def attributes(folder, sam, *names):
    """The one value of each attribute of one account, read from the database file."""
    for name, found in zip(names, lists := all_values(folder, sam, *names)):
        if len(found) != 1:
            raise Failed(f"{sam} has {len(found)} values of {name}")
    return [found[0] for found in lists]


def attribute(folder, sam, name):
    """The same for one attribute."""
    return attributes(folder, sam, name)[0]


def change(folder, dn, attributes):
    """Replaces one attribute in the database of this server alone; a replicating server takes it to the other."""
    ldb("ldbmodify", folder, stdin=ldif(dn, {"changetype": "modify", **attributes}))


def settings_dn(name):
    """The NTDS Settings object of a domain controller, by its short name."""
    return f"CN=NTDS Settings,CN={name.upper()},CN=Servers,CN={SITE},CN=Sites,CN=Configuration,{BASE}"
