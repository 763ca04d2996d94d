"""Two domain controllers that replicate: dc1 is the PDC emulator at first, dc2 is the other.

Each has a folder of its own inside the pair's, which every verb for one server takes. Passwords, the authority and the
seed are shared.
"""

import os
import socket
import sys

from .certificates import make_leaf
from .database import BASE, REALM, change, settings_dn
from .server import (REPLICATING, START_SECONDS, await_start, begin, configuration, facts, kerberos, note, register,
                     running, stop)
from .template import (ADDRESS, PROVISION_SECONDS, SECOND_ADDRESS, copy, default_pair, default_template, prepare,
                       template)
from .tools import TESTBED, TOOL_SECONDS, Failed, tool, wait_until, with_samba

NAMES = ("dc1", "dc2")
SHARED = ("secrets", "seed.json")
# Values of the attribute `options` of a server's NTDS Settings.
GLOBAL_CATALOG, NO_INBOUND, NO_OUTBOUND = 1, 2, 4


def member(folder, name):
    if name not in NAMES or not (folder / name).is_dir():
        raise Failed(f"there is no domain controller {name} in {folder}: there are {' and '.join(NAMES)} in a pair")
    return folder / name


def other(name):
    return NAMES[1 - NAMES.index(name)]


def template_pair(folder):
    source = default_template()

    def make(new):
        template(source)
        tool(sys.executable, str(TESTBED / "samba"), "within", f"--dns={ADDRESS}", f"dc1.contoso.test={ADDRESS}",
             f"dc2.contoso.test={SECOND_ADDRESS}", "--", sys.executable, str(TESTBED / "samba"), "join", str(source),
             str(new), seconds=PROVISION_SECONDS)
    prepare(folder, make)


def join(source, folder):
    """Makes a pair of a single server's template. Runs in a network of its own."""
    one, two = folder / "dc1", folder / "dc2"
    one.mkdir()
    copy(source, one)
    for name in SHARED:
        (one / name).rename(folder / name)
    (folder / "tls").mkdir()
    for name in ("ca.pem", "ca.key"):
        (one / "tls" / name).rename(folder / "tls" / name)
    two.mkdir()
    note(two, "dc2.contoso.test", SECOND_ADDRESS)
    (two / "version").write_bytes((one / "version").read_bytes())
    for server in (one, two):
        (server / "tls").mkdir(exist_ok=True)
        for name in SHARED:
            (server / name).symlink_to(f"../{name}")
        for name in ("ca.pem", "ca.key"):
            (server / "tls" / name).symlink_to(f"../../tls/{name}")
    (folder / "krb5.conf").write_text(kerberos([ADDRESS, SECOND_ADDRESS]))
    try:
        await_start(begin(one, ADDRESS, REPLICATING), one, ADDRESS, REPLICATING)
        tool("samba-tool", "domain", "join", "contoso.test", "DC", f"--server={facts(one)['host']}", "-s", "/dev/null",
             f"--targetdir={two}/state", f"--realm={REALM}", "--option=netbios name=DC2",
             f"--option=interfaces={SECOND_ADDRESS}/8",
             "--option=bind interfaces only=yes", "--dns-backend=SAMBA_INTERNAL",
             "-Uadministrator", seconds=PROVISION_SECONDS,
             env={"PASSWD_FILE": f"{folder}/secrets/administrator", "KRB5_CONFIG": f"{one}/run/krb5.conf"})
        # The server joined from an address that Samba takes for no address: its records are not there yet.
        register(one, "dc1", {"dc1": ADDRESS, "dc2": SECOND_ADDRESS})
        make_leaf(two / "tls", facts(two)["host"], SECOND_ADDRESS)
        await_start(begin(two, SECOND_ADDRESS, REPLICATING, [ADDRESS]), two, SECOND_ADDRESS, REPLICATING)
        # Without these names neither server logs on to the other; the checker then makes the connections.
        tool("samba_spnupdate", f"--configfile={two}/smb.conf")
        for server in (one, two):
            tool("samba_kcc", f"--configfile={server}/smb.conf")
        # Twice: the second round takes what the first one noted about itself.
        for server in (two, one, two, one):
            settled(server, lambda s: pull(folder, s.name))
    finally:
        stop_pair(folder)


def settled(server, act):
    """Repeats until it succeeds: new names and tickets take a moment to be known."""
    failure = None

    def succeeds():
        nonlocal failure
        try:
            act(server)
            return True
        except Failed as error:
            failure = error
            return False
    if not wait_until(succeeds, START_SECONDS, pause=0.5):
        raise failure


def launch_pair(folder, *addresses):
    if not (folder / "dc2").is_dir():
        source = default_pair()
        template_pair(source)
        copy(source, folder)
    servers = [member(folder, name) for name in NAMES]
    for server, address in zip(servers, addresses):
        if running(server):
            raise Failed(f"a server runs in {server} already")
        (server / "smb.conf").write_text(configuration(server, address, REPLICATING))
    if [facts(server)["address"] for server in servers] != list(addresses):
        for server, address in zip(servers, addresses):
            register(server, "dc1", dict(zip(NAMES, addresses)))
            note(server, facts(server)["host"], address)
    (folder / "krb5.conf").write_text(kerberos(addresses))
    started = []
    try:
        for server, address, rest in zip(servers, addresses, reversed(addresses)):
            started.append(begin(server, address, REPLICATING, [rest]))
        for process, server, address in zip(started, servers, addresses):
            await_start(process, server, address, REPLICATING)
        for server in servers:
            try:
                socket.getaddrinfo(f"{facts(server)['host'].split('.')[0]}.contoso.test", 389)
                socket.getaddrinfo("gc._msdcs.contoso.test", 389)
            except OSError as error:
                raise Failed(f"a pair finds itself by DNS: {error}; run this inside `samba within "
                             f"--dns={addresses[0]} --dns={addresses[1]} … -- COMMAND`") from None
    except BaseException:
        stop_pair(folder)
        raise
    return started


def stop_pair(folder):
    trouble = None
    for name in NAMES:
        try:
            if (folder / name).is_dir():
                stop(folder / name)
        except Failed as failure:
            trouble = failure
    if trouble:
        raise trouble


def replication(folder, name, word):
    """Lets a server take changes from the other one, or stops it: it keeps answering either way."""
    server = member(folder, name)
    change(server, settings_dn(name), {"replace": "options",
                                       "options": str(GLOBAL_CATALOG | (0 if word == "on" else NO_INBOUND))})
    if word == "on" and all(running(member(folder, each)) for each in NAMES):
        pull(folder, name)


def pull(folder, name):
    """Makes a server take everything that the other one has, and returns when it has."""
    server = member(folder, name)
    env = os.environ.copy()
    os.environ["KRB5_CONFIG"] = f"{server}/run/krb5.conf"
    try:
        with_samba("pull.py", f"{server}/smb.conf", f"{server}/state/private/sam.ldb", facts(server)["host"],
                   settings_dn(other(name)), BASE)
    finally:
        os.environ.clear()
        os.environ.update(env)


def pdc_role(folder, name, how="transfer"):
    """Moves the role of the PDC emulator: handed over by the other server, or taken when that one is gone."""
    server = member(folder, name)
    force = ["--force"] if how == "seize" else []
    tool("samba-tool", "fsmo", how, "--role=pdc", *force, "-H", f"{server}/state/private/sam.ldb",
         f"--configfile={server}/smb.conf", seconds=TOOL_SECONDS)
    register(server, name, {each: facts(member(folder, each))["address"] for each in NAMES})
