"""One domain controller: its configuration, its start and its end."""

import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
from pathlib import Path

from .certificates import make_leaf
from .database import DOMAIN, REALM
from .tools import Failed, missing, wait_until, with_samba

START_SECONDS, STOP_SECONDS = 30, 10
# What a client needs: LDAPS and Kerberos.
THIN = ["ldap", "cldap", "kdc"]
# What another domain controller needs on top. No consistency checker: the connections that it would make stand in the
# template.
REPLICATING = [*THIN, "rpc", "drepl", "dns"]
PORTS = {"ldap": 636, "kdc": 88, "rpc": 135, "dns": 53}
# Seconds: how often a server looks for changes to tell the other one of, and how often it asks for changes unbidden.
NOTIFY_EACH_S, PULL_EACH_S = 1, 5


def facts(folder):
    """What a server's folder says of it: `host`, and the `address` that its DNS records name."""
    return json.loads((folder / "server.json").read_text())


def note(folder, host, address):
    (folder / "server.json").write_text(json.dumps({"host": host, "address": address}))


def configuration(folder, address, services):
    """The whole of smb.conf: no more services than needed, and only `address` is bound."""
    state, name = folder / "state", facts(folder)["host"].split(".")[0].upper()
    return f"""[global]
server services = {", ".join(services)}
dcerpc endpoint servers = epmapper, drsuapi, lsarpc, netlogon, samr, dnsserver
dreplsrv:notify_interval = {NOTIFY_EACH_S}
dreplsrv:periodic_startup_interval = 1
dreplsrv:periodic_interval = {PULL_EACH_S}
dns forwarder =
interfaces = {address}/8
bind interfaces only = yes
workgroup = {DOMAIN}
realm = {REALM}
netbios name = {name}
server role = active directory domain controller
private dir = {state}/private
state directory = {state}/state
cache directory = {state}/cache
lock directory = {state}
binddns dir = {state}/bind-dns
pid directory = {folder}/run
ncalrpc dir = {folder}/run/ncalrpc
winbindd socket directory = {folder}/run/winbindd
ntp signd socket directory = {folder}/run/ntp
tls enabled = yes
tls cafile = {folder}/tls/ca.pem
tls certfile = {folder}/tls/leaf.pem
tls keyfile = {folder}/tls/leaf.key
ldap server require strong auth = allow_sasl_over_tls
prefork children = 1
max log size = 0
"""


def kerberos(addresses):
    """A krb5.conf that knows these servers, the first one first."""
    servers = "".join(f"  kdc = {address}:88\n" for address in addresses)
    return f"""[libdefaults]
default_realm = {REALM}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
{REALM} = {{
{servers}}}
[domain_realm]
.contoso.test = {REALM}
"""


def answers(folder, address, services):
    """LDAPS answers with our certificate, and the other services' ports are open."""
    trust = ssl.create_default_context(cafile=str(folder / "tls" / "ca.pem"))
    try:
        with socket.create_connection((address, PORTS["ldap"]), timeout=2) as plain:
            trust.wrap_socket(plain, server_hostname=facts(folder)["host"]).close()
        for port in [PORTS[service] for service in services if service in PORTS]:
            socket.create_connection((address, port), timeout=2).close()
        return True
    except OSError:
        return False


def register(folder, pdc, addresses):
    """Writes the DNS records of the servers, by short name, into this server's database."""
    with_samba("records.py", f"{folder}/smb.conf", f"{folder}/state/private/sam.ldb", pdc,
               *(f"{name}={address}" for name, address in addresses.items()))


def begin(folder, address, services, kdcs=None):
    """Starts the server and does not wait for it. The Kerberos servers are this one first, then the others."""
    ipaddress.IPv4Address(address)
    if running(folder):
        raise Failed(f"a server runs in {folder} already")
    make_leaf(folder / "tls", facts(folder)["host"], address)
    (folder / "smb.conf").write_text(configuration(folder, address, services))
    (folder / "run" / "ncalrpc").mkdir(parents=True, exist_ok=True)
    (folder / "krb5.conf").write_text(kerberos([address]))
    (folder / "run" / "krb5.conf").write_text(kerberos([address, *(kdcs or [])]))
    # One process for everything is quickest to start, but it would wait for itself where it is its own client.
    # Not one for each connection either: the forks take longer than what they are for.
    model = "prefork" if "drepl" in services else "single"
    with open(folder / "samba.log", "ab") as log:
        try:
            server = subprocess.Popen(
                ["samba", f"--configfile={folder}/smb.conf", "--foreground", "--no-process-group", f"--model={model}",
                 "--debug-stdout"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "KRB5_CONFIG": f"{folder}/run/krb5.conf"})
        except FileNotFoundError:
            raise missing("samba") from None
    (folder / "pid").write_text(f"{server.pid} {birth(server.pid)}")
    return server


def await_start(server, folder, address, services):
    def settled():
        return server.poll() is not None or answers(folder, address, services)
    if not wait_until(settled, START_SECONDS, pause=0.05) or server.poll() is not None:
        tail = (folder / "samba.log").read_text(errors="replace")[-2000:]
        stop(folder)
        raise Failed(f"the server on {address} does not answer; the end of its log:\n{tail}")


def birth(pid):
    """When the process began, in the kernel's ticks: a number that is used again has another. None = not there."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            state, *rest = file.read().rsplit(") ", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if state in "ZX" else rest[18]


def running(folder):
    """The pid of this folder's server, if it is still that server and not a later process with the same number."""
    try:
        pid, born = (folder / "pid").read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if birth(pid) == born else None


def alive(leader):
    """Whether a process of the group is left, the server itself or one it started; ended ones that nobody has asked
    for yet do not count."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and birth(folder.name):
            try:
                if os.getpgid(int(folder.name)) == leader:
                    return True
            except OSError:
                pass
    return False


def stop(folder):
    """Ends the server and all its processes: whatever is left of it would hold its ports."""
    pid = running(folder)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if pid and alive(pid):
            os.killpg(pid, number)
        wait_until(lambda: not (pid and alive(pid)), STOP_SECONDS, pause=0.05)
    if pid and alive(pid):
        raise Failed(f"the server in {folder} does not end")
    (folder / "pid").unlink(missing_ok=True)
