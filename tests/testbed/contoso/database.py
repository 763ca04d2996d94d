"""A domain controller's database, read and changed as the files on disk: no server is asked."""

import base64

from .tools import Failed, tool

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


def database(folder):
    folder = controller(folder)
    return "-H", f"{folder}/state/private/sam.ldb", f"--configfile={folder}/smb.conf"


def ldb(command, folder, *arguments, stdin=None):
    return tool(command, *database(folder), *arguments, stdin=stdin)


def escaped(value):
    """A value inside a search filter."""
    return "".join(f"\\{byte:02x}" if byte < 0x30 or byte > 0x7a or byte == 0x5c else chr(byte)
                   for byte in value.encode())


def all_values(folder, sam, *names):
    """The values of attributes of one account, a list for each; `dn` is one too. A search for many costs
    as much as one for one."""
    found = {name: [] for name in names}
    text = ldb("ldbsearch", folder, f"(sAMAccountName={escaped(sam)})", *names).stdout
    for line in text.replace("\n ", "").splitlines():
        name, _, value = line.partition(": ")
        if name in found:
            found[name].append(value)
        elif name.endswith(":") and name[:-1] in found:
            found[name[:-1]].append(base64.b64decode(value).decode(errors="replace"))
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
