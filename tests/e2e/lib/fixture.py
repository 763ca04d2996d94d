"""One fixture: a directory, a vault, a model Connect server that logs on to that directory, and the program."""

import contextlib
import hashlib
import http.client
import importlib.machinery
import importlib.util
import io
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import time
from pathlib import Path

from checks import DCS, ROOT, TESTBED

PROGRAM = os.environ.get("ENTRA_ROTATOR") or str(ROOT / "target/debug/entra-rotator")
DC, DC_ADDRESS = "dc1.contoso.test", DCS["dc1"]
LDAPS = 636
VAULT, VAULT_ADDRESS, VAULT_PORT = "vault.contoso.test", "127.0.0.3", 8200
SERVER, CONNECTOR = "SYNC1", "contoso.test"
ACCOUNT, PRINCIPAL, SAM = "msol", "msol@CONTOSO.TEST", "MSOL_1a2b3c4d5e6f"
SECRET = "entra/msol"
RUN_LIMIT_S = 120
ARRIVE_LIMIT_S = 30


def load(name):
    """A script of the test bed as a module: its functions, without a process for each call."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(TESTBED / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


samba, openbao = load("samba"), load("openbao")


def refuse_the_one_before():
    """From the next start on, domain controllers accept no password but the last one."""
    server = sys.modules["contoso.server"]
    usual = server.configuration
    server.configuration = lambda *arguments: usual(*arguments) + "old password allowed period = 0\n"


class Done:
    """A process that ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __str__(self):
        return f"exit {self.code}\n{self.out}{self.err}"

    def json(self):
        return json.loads(self.out)


def text_of(value):
    """A value as TOML has it."""
    return json.dumps(value if isinstance(value, (list, int)) else str(value), ensure_ascii=False)


def host(name):
    return f"{name}.contoso.test"


def new_password():
    return "Zz9-" + secrets.token_urlsafe(30)


class Fixture:
    """`pair` = two domain controllers that replicate; the model server then logs on at dc2, resets happen at dc1.
    Without `grace` they refuse the password before at once, as they else do only an hour after a set."""

    def __init__(self, folder, pair=False, grace=True):
        self.folder = folder
        self.grace = grace
        if not grace:
            refuse_the_one_before()
        self.lab = folder / "lab"
        self.journal = folder / "state" / "journal.db"
        if pair:
            self.pair = folder / "dc"
            self.dcs = {name: self.pair / name for name in DCS}
            samba.pair.launch_pair(self.pair, *DCS.values())
        else:
            self.dcs = {"dc1": folder / "dc"}
            samba.launch(self.dcs["dc1"], DC_ADDRESS)
        self.dc = self.dcs["dc1"]
        self.logon_at = list(self.dcs)[-1]
        self.dn = json.loads((self.dc / "seed.json").read_text())["accounts"][SAM]
        self.start_journal()
        self.start_vault()
        self.start_server()
        self.config = self.configure()

    # --- where the journal is kept (databases.py has another place) -------------------------------------------

    def start_journal(self):
        """What keeps it."""

    def journal_section(self, value):
        """The lines of [journal]."""
        return f"[journal]\nfile = {text_of(value['journal'])}"

    def fresh_journal(self):
        """An empty one."""
        shutil.rmtree(self.journal.parent, ignore_errors=True)

    def resume(self):
        """Goes on with what a process left that is gone."""
        return self.tool("resume")

    # --- which vault (vaults.py has others) ------------------------------------------------------------------

    # The account's name in the vault.
    secret_name = SECRET

    def start_vault(self):
        self.vault = openbao.Instance(self.folder / "vault")
        openbao.make_ca(self.vault.tls)
        openbao.make_leaf(self.vault.tls, "server", [VAULT_ADDRESS, VAULT])
        self.vault.start(VAULT_ADDRESS, VAULT_PORT, [SECRET])
        self.trust = ssl.create_default_context(cafile=str(self.vault.tls / "ca.pem"))
        self.root = self.vault.token("root")

    def vault_section(self, value):
        """The lines of [vault]; `value` = what `configure` was told in place of the usual."""
        url = value.get("vault", f"https://{VAULT}:{VAULT_PORT}")
        ca, token = value.get("vault_ca", self.vault.tls / "ca.pem"), value.get("token_file", self.vault.secrets / "rotator.token")
        return f"""kind = "hashicorp"
url = {text_of(url)}
ca_file = {text_of(ca)}
token = {{ file = {text_of(token)} }}"""

    def vault_behind(self):
        """What stands behind the door of the vault: its name, port, TLS folder, leaf and CA. None = it has no wire."""
        return VAULT, VAULT_PORT, self.vault.tls, "server", self.vault.tls / "ca.pem"

    # --- how the server is reached (reached.py has another way) ----------------------------------------------

    def start_server(self):
        """What stands before it."""

    def server_section(self, value):
        """The lines of [[server]] below its name."""
        return f"""kind = "lab"
lab_dir = {text_of(value["lab"])}"""

    def server_door(self):
        """The socket where its requests are numbered; None = it has no wire."""

    # --- the program ---------------------------------------------------------------------------------------

    def configure(self, name="config.toml", more="", **other):
        """A configuration file; the keywords replace its values, `more` is added at its end.

        `domain` finds the domain controllers by DNS instead of `urls`; `bind_vault` takes the rotator's password from
        the vault instead of `bind_file`; without `servers` the account is the rotator's own.
        """
        value = {
            "journal": self.journal, "urls": [f"ldaps://{DC}"], "domain": None, "port": None,
            "directory_ca": self.dc / "tls/ca.pem", "converge_limit_s": None,
            "bind_name": "rotator@contoso.test", "bind_file": self.dc / "secrets/rotator", "bind_vault": None,
            "lab": self.lab, "account": ACCOUNT, "directory_name": SAM, "secret": self.secret_name,
        } | other
        text = {key: text_of(content) for key, content in value.items() if content is not None}
        where = f"domain = {text['domain']}" if "domain" in text else f"urls = {text['urls']}"
        optional = "".join(f"{key} = {text[key]}\n" for key in ("port", "converge_limit_s") if key in text)
        own = f"vault = {text['bind_vault']}" if "bind_vault" in text else f"file = {text['bind_file']}"
        path = self.folder / name
        path.write_text(f"""{self.journal_section(value)}
[directory]
{where}
{optional}ca_file = {text["directory_ca"]}
bind_name = {text["bind_name"]}
bind_password = {{ {own} }}
[vault]
{self.vault_section(value)}
[[server]]
name = "{SERVER}"
{self.server_section(value)}
[[account]]
name = {text["account"]}
kind = "connector"
directory_name = {text["directory_name"]}
vault_name = {text["secret"]}
servers = [{{ server = "{SERVER}" }}]
{more}""", encoding="utf-8")
        return path

    def begin(self, *arguments, config=None, **options):
        """Starts the program and returns the process."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "USER": "operator", "LC_ALL": "C.UTF-8"}
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([PROGRAM, *arguments, "--config", str(config or self.config)], env=environment,
                                **(streams | options))

    def finish(self, process, limit_s=RUN_LIMIT_S):
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return Done("still running", out.decode(errors="replace"), err.decode(errors="replace"))
        return Done(process.returncode, (out or b"").decode(errors="replace"), (err or b"").decode(errors="replace"))

    def tool(self, *arguments, config=None, limit_s=RUN_LIMIT_S):
        return self.finish(self.begin(*arguments, config=config), limit_s)

    def rotate(self, *arguments, **options):
        return self.tool("rotate", "--all", *arguments, **options)

    # --- the model server ----------------------------------------------------------------------------------

    def make_lab(self, password, sam=SAM, lab=None):
        """A fresh model server that stores this password and logs on to the real directory."""
        lab, dn = lab or self.lab, json.loads((self.dc / "seed.json").read_text())["accounts"][sam]
        shutil.rmtree(lab, ignore_errors=True)
        file = self.folder / "first-password"
        samba.write_private(file, password)
        done = self.tool("lab", "init", "--lab-dir", str(lab), "--server", SERVER, "--account", sam,
                         "--logon", f"ldaps://{host(self.logon_at)}", "--logon-ca-file", str(self.dc / "tls/ca.pem"),
                         "--logon-name", dn, "--password-file", str(file))
        file.unlink()
        if done.code != 0:
            raise RuntimeError(f"no lab was made: {done}")

    def fault(self, name, times=None):
        more = ["--times", str(times)] if times else []
        done = self.tool("lab", "fault", "add", name, *more, "--lab-dir", str(self.lab))
        if done.code != 0:
            raise RuntimeError(f"the fault {name} was not taken: {done}")

    def no_faults(self):
        self.tool("lab", "fault", "clear", "--lab-dir", str(self.lab))

    def engine_password(self, place="stored"):
        """What the model engine holds: deciphered here, without the program's code."""
        world = json.loads((self.lab / "world.json").read_text())
        server = next(server for server in world["servers"] if server["name"] == SERVER)
        connector = next(found for found in server["connectors"] if found["name"] == CONNECTOR)
        key = decipher(server["machine_key"].encode(), server["key_set"]["known"])
        password = decipher(key, connector[place])
        if not password.startswith(MARK):
            raise RuntimeError(f"the key does not open the {place} password of {CONNECTOR}")
        return password.removeprefix(MARK).decode()

    # --- the vault, past the program -----------------------------------------------------------------------

    def bao(self, *arguments, stdin=None):
        """OpenBao's own client."""
        return self.vault.client(list(arguments), input=stdin)

    def put(self, document, name=SECRET):
        done = self.bao("kv", "put", "-mount=secret", name, "-", stdin=json.dumps(document).encode())
        if done.returncode != 0:
            raise RuntimeError(f"{name} was not stored: {done.stderr.decode()}")

    def secret(self, slot="current", name=SECRET):
        """The password in a slot as OpenBao's own client reads it; None = there is none."""
        path = name if slot == "current" else f"{name}-{slot}"
        done = self.bao("kv", "get", "-mount=secret", "-format=json", path)
        try:
            return json.loads(done.stdout)["data"]["data"]["password"]
        except (ValueError, KeyError, TypeError):
            if done.returncode != 0 and b"No value found" not in done.stderr and b'"data": null' not in done.stdout:
                raise RuntimeError(f"{path}: {done.stderr.decode()}") from None
            return None

    def call(self, method, path, body=None):
        """One request to the vault as root, as (status, JSON): much cheaper than a client's process."""
        connection = http.client.HTTPSConnection(VAULT, VAULT_PORT, timeout=20, context=self.trust)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, f"/v1/{path}", body=data, headers={"X-Vault-Token": self.root})
            reply = connection.getresponse()
            text = reply.read()
            return reply.status, json.loads(text) if text[:1] == b"{" else None
        finally:
            connection.close()

    def fresh_secret(self, password, name=SECRET):
        """The account's entries as on the first day: one current password and no history."""
        for slot in ("", "-pending", "-previous"):
            status, _ = self.call("DELETE", f"secret/metadata/{name}{slot}")
            if status not in (204, 404):
                raise RuntimeError(f"the vault answered {status}")
        status, _ = self.call("POST", f"secret/data/{name}", {"data": {"password": password}})
        if status != 200:
            raise RuntimeError(f"the vault answered {status}")

    def slots(self, name=SECRET):
        """The passwords of all three slots, read as root."""
        found = {}
        for slot in ("current", "pending", "previous"):
            path = name if slot == "current" else f"{name}-{slot}"
            status, reply = self.call("GET", f"secret/data/{path}")
            data = ((reply or {}).get("data") or {}).get("data") if status in (200, 404) else {"password": f"?{status}"}
            found[slot] = (data or {}).get("password")
        return found

    # --- the directory, past the program -------------------------------------------------------------------

    def asked(self, at, password, principal=PRINCIPAL):
        """What Kerberos on one domain controller says. Unlike a simple bind it refuses the password before at once."""
        file = self.folder / "asked-password"
        samba.write_private(file, password)
        try:
            # A refusal is an answer, not something to report.
            with contextlib.redirect_stderr(io.StringIO()):
                answer = samba.kinit(self.dcs[at], principal, file)
        finally:
            file.unlink()
        if answer not in (0, 1):
            raise RuntimeError(f"kinit at {at} gave no answer about {principal}")
        return answer == 0

    def accepts(self, password, principal=PRINCIPAL):
        """Whether every domain controller accepts it."""
        return all(self.asked(at, password, principal) for at in self.dcs)

    def refuses(self, password, principal=PRINCIPAL):
        """Whether every domain controller refuses it."""
        return not any(self.asked(at, password, principal) for at in self.dcs)

    def key_version(self, at="dc1", sam=SAM):
        return int(samba.attribute(self.dcs[at], sam, "msDS-KeyVersionNumber"))

    def sets(self, sam=SAM):
        """What each domain controller's database shows of the last set: (key version, pwdLastSet)."""
        return {at: tuple(map(int, samba.attributes(self.dcs[at], sam, "msDS-KeyVersionNumber", "pwdLastSet")))
                for at in self.dcs}

    def one_set(self, sam=SAM):
        """Whether every domain controller shows the same set."""
        return len(self.dcs) == 1 or len(set(self.sets(sam).values())) == 1

    def modify(self, record, by="administrator", at="dc1"):
        """One LDIF record by somebody, with OpenLDAP's client. Returns its exit code."""
        done = subprocess.run(
            ["ldapmodify", "-H", f"ldaps://{host(at)}", "-D", f"{by}@contoso.test", "-x", "-y",
             str(self.dc / "secrets" / by)],
            input=record.encode(), capture_output=True, timeout=30, check=False,
            env={"PATH": os.environ["PATH"], "LDAPTLS_CACERT": str(self.dc / "tls/ca.pem")})
        return done.returncode

    def set_password(self, password, dn=None, by="administrator", at="dc1", arrive=True):
        """A person resets the account's password in the directory. Returns ldapmodify's exit code; 0 when every
        domain controller has it, or without `arrive` that one."""
        quoted = f'"{password}"'.encode("utf-16-le")
        dn = dn or self.dn
        code = self.modify(samba.ldif(dn, {"changetype": "modify", "replace": "unicodePwd", "unicodePwd": quoted}), by, at)
        if code == 0 and arrive and len(self.dcs) > 1:
            self.arrive()
        return code

    def arrive(self, sam=SAM):
        """Waits until the domain controllers show the same set."""
        deadline = time.monotonic() + ARRIVE_LIMIT_S
        while not self.one_set(sam):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the domain controllers still differ after {ARRIVE_LIMIT_S} s: {self.sets(sam)}")
            time.sleep(0.1)

    # --- two domain controllers ----------------------------------------------------------------------------

    def replication(self, word, *names):
        """Each of them (without names: all) takes changes from the other one, or no longer."""
        for name in names or self.dcs:
            samba.pair.replication(self.pair, name, word)

    def heal(self):
        """Replication goes on, and every domain controller has everything."""
        self.replication("on")
        # What the second one got may change what the first one has.
        for name in self.dcs:
            samba.pair.pull(self.pair, name)
        self.arrive()

    def pdc_role(self, name, how="transfer"):
        samba.pair.pdc_role(self.pair, name, how)

    def stop_dc(self, name):
        samba.stop(self.dcs[name])

    def start_dc(self, name):
        samba.launch(self.dcs[name])

    def fresh(self, journal=True):
        """One new password everywhere, a new model server, an empty journal. Returns the password."""
        password = new_password()
        if self.set_password(password) != 0:
            raise RuntimeError("the account's password could not be set")
        self.fresh_secret(password)
        self.make_lab(password)
        if journal:
            self.fresh_journal()
        return password

    def journal_intact(self):
        return self.tool("history", "verify")

    def history(self, rotation=None):
        more = ["--rotation", rotation] if rotation else []
        return self.tool("history", *more, "--format", "json").json()["rotations"]


# What the model engine writes before a password, so that a wrong key is noticed.
MARK = b"password"


def decipher(key, sealed):
    """The model engine's cipher: SHA-256 in counter mode."""
    raw = bytes.fromhex(sealed)
    nonce, body, clear = raw[:16], raw[16:], b""
    for counter in range(0, (len(body) + 31) // 32):
        stream = hashlib.sha256(key + nonce + counter.to_bytes(8, "big")).digest()
        clear += bytes(a ^ b for a, b in zip(body[32 * counter:32 * counter + 32], stream))
    return clear
