"""The other vaults of a fixture: the stand-in of Azure Key Vault, and a sealed file."""

import atexit
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

from checks import ROOT, TESTBED
from fixture import VAULT_ADDRESS, Fixture, load, new_password, openbao, samba, text_of

sys.path.insert(0, str(ROOT / "docs" / "reader"))
import reader  # noqa: E402

NAME = "entra-msol"
CALL_LIMIT_S = 20


class OpenBaoWorld(Fixture):
    """OpenBao, with what a consumer sees of it."""

    # Its own folder: what lies in there is no leak.
    keeper = "vault"

    def reader(self):
        vault = reader.HashicorpVault(self.vault.url(), "secret", self.root, str(self.vault.tls / "ca.pem"))
        return vault, self.secret_name

    # What a search for secrets must know: those that the administrator put down (the first is the one that a
    # configuration's `token_file` replaces), one that is as good in form and refused, and what the vault issued.

    def given(self):
        return {"the vault's token": self.vault.token("rotator")}

    def wrong_secret(self):
        return "s.WrongTokenWrongToken4711"

    def issued(self):
        return {}


class AppRoleWorld(OpenBaoWorld):
    """OpenBao, where the rotator logs on by AppRole. The audit log has every value as it is, for the search alone."""

    mount, role = "machines", "entra-rotator"
    # So short that a slow rotation renews its token on the way, which it does in the last third. How far apart its calls
    # are is up to the machine: where the first one does not fit, another does.
    token_ttl_s, other_ttls_s, token_max_ttl_s = 6, (5, 8, 11, 15), 60

    def start_vault(self):
        self.audit = self.folder / "vault" / "audit.log"
        config = self.folder / "vault" / "config" / "server.hcl"
        config.parent.mkdir(parents=True)
        config.write_text(f'''audit "file" "raw" {{
  options {{
    file_path = "{self.audit}"
    log_raw = "true"
  }}
}}
''')
        super().start_vault()
        role = f"auth/{self.mount}/role/{self.role}"
        self.vault.must("POST", f"sys/auth/{self.mount}", {"type": "approle"}, self.root)
        self.tokens_live(self.token_ttl_s)
        self.role_id = self.vault.must("GET", f"{role}/role-id", None, self.root)["data"]["role_id"]
        made = self.vault.must("POST", f"{role}/secret-id", {}, self.root)
        self.secret_id = self.folder / "secret-id"
        samba.write_private(self.secret_id, made["data"]["secret_id"])

    def tokens_live(self, ttl_s):
        """From the next logon on."""
        self.vault.must("POST", f"auth/{self.mount}/role/{self.role}", {
            "token_policies": ["rotator"], "token_no_default_policy": True, "token_ttl": ttl_s,
            "token_max_ttl": self.token_max_ttl_s}, self.root)

    def wrapping_token(self):
        """For a secret id of its own: the client's way, because it takes a header."""
        done = self.bao("write", "-f", "-wrap-ttl=5m", "-field=wrapping_token", f"auth/{self.mount}/role/{self.role}/secret-id")
        if done.returncode != 0:
            raise RuntimeError(f"no secret id was wrapped: {done.stderr.decode()}")
        return done.stdout.decode().strip()

    def vault_section(self, value):
        head, _, _ = super().vault_section(value).rpartition("\n")
        return f"""{head}
[vault.login]
method = "approle"
mount = {text_of(self.mount)}
role_id = {text_of(self.role_id)}
secret_id = {{ file = {text_of(value.get("token_file", self.secret_id))} }}
wrapped = {"true" if value.get("wrapped") else "false"}"""

    def given(self):
        return {"the secret id": self.secret_id.read_text()}

    def wrong_secret(self):
        return "01234567-89ab-4cde-8f01-23456789abcd"

    def answers(self):
        """What the vault answered, values and all."""
        entries = map(json.loads, self.audit.read_text().splitlines())
        return [entry for entry in entries if entry["type"] == "response"]

    def paths(self):
        """What was asked for."""
        return {str((entry.get("request") or {}).get("path")) for entry in self.answers()}

    def issued(self):
        """Every token and every secret id that it gave to anybody."""
        found = {}
        for at, entry in enumerate(self.answers()):
            reply = entry.get("response") or {}
            for what, secret in (("token", (reply.get("auth") or {}).get("client_token")),
                                 ("secret id", (reply.get("data") or {}).get("secret_id")),
                                 ("wrapping token", (reply.get("wrap_info") or {}).get("token"))):
                if secret and secret not in found.values():
                    found[f"{what} of answer {at}"] = secret
        return found


class KeyVaultWorld(Fixture):
    """Azure Key Vault's stand-in. The rotator has the rights that deploy/azure gives it, and a client secret."""

    keeper = "key-vault"
    secret_name = NAME
    host, tenant, client = "myvault.vault.azure.net", "11111111-2222-3333-4444-555555555555", "rotator"
    port, control_port = 8300, 8301

    def start_vault(self):
        folder = self.folder / self.keeper
        (folder / "tokens").mkdir(parents=True)
        self.tls = folder / "tls"
        openbao.make_ca(self.tls)
        openbao.make_leaf(self.tls, "server", [VAULT_ADDRESS, self.host])
        self.client_secret = self.folder / "client-secret"
        samba.write_private(self.client_secret, new_password())
        self.stand_in = folder
        (folder / "config.json").write_text(json.dumps({
            "vault": self.host, "tenant": self.tenant, "tokens_folder": str(folder / "tokens"), "page": 5,
            "address": VAULT_ADDRESS, "ports": {"VaultHandler": self.port, "ControlHandler": self.control_port},
            "identities": {
                self.client: {"secret": self.client_secret.read_text(), "rights": ["get", "list", "set", "update", "recover"]},
                "reader": {"secret": "unused", "rights": ["get"]},
            },
        }))
        self.process = None
        self.begin_vault()

    def begin_vault(self):
        """Starts it, or starts it again with what it had on disk."""
        files = [self.stand_in / "config.json", self.tls / "server.pem", self.tls / "server.key", self.stand_in / "state.json"]
        self.process = subprocess.Popen([sys.executable, TESTBED / "key-vault", *map(str, files)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        atexit.register(self.process.kill)
        if not self.process.stdout.readline():
            raise RuntimeError("the stand-in of Key Vault did not start")

    def kill_vault(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(CALL_LIMIT_S)

    def vault_section(self, value):
        url = value.get("vault", f"https://{self.host}:{self.port}")
        return f"""kind = "azure"
url = {text_of(url)}
ca_file = {text_of(self.tls / "ca.pem")}
authority = "https://{VAULT_ADDRESS}:{self.port}"
expires_after_days = 120
[vault.identity]
kind = "secret"
tenant_id = {text_of(self.tenant)}
client_id = {text_of(self.client)}
client_secret = {{ file = {text_of(value.get("token_file", self.client_secret))} }}"""

    def vault_behind(self):
        return self.host, self.port, self.tls, "server", self.tls / "ca.pem"

    def control(self, method, path, body=None):
        """What is said to the stand-in past the program."""
        connection = http.client.HTTPConnection(VAULT_ADDRESS, self.control_port, timeout=CALL_LIMIT_S)
        try:
            connection.request(method, path, body=json.dumps(body or {}))
            reply = connection.getresponse()
            if reply.status != 200:
                raise RuntimeError(f"{method} {path}: {reply.status}")
            return json.loads(reply.read())
        finally:
            connection.close()

    def versions(self, name):
        return self.control("GET", "/state").get(name, {}).get("versions", [])

    def put(self, document, name=NAME):
        self.control("POST", "/person", {"name": name, "value": document["password"]})

    def slots(self, name=NAME):
        """Judged by the adapter's documented marks, without its code."""
        current = self.versions(name)[-1:]
        previous = (current[0].get("tags") or {}).get("previous") if current else None
        pending = self.versions(f"{name}-pending")
        over = {version["tags"].get("rotation") for version in pending if not version["enabled"]}
        alive = [version for version in pending if version["enabled"] and version["tags"].get("rotation") not in over]
        taken = {one for version in alive for one in version["tags"].get("took-over", "").split()}
        alive = [version for version in alive if version["id"] not in taken]
        return {
            "current": current[0]["value"] if current else None,
            "pending": alive[0]["value"] if alive else None,
            "previous": next((version["value"] for version in self.versions(name) if version["id"] == previous), None),
        }

    def secret(self, slot="current", name=NAME):
        return self.slots(name)[slot]

    def fresh_secret(self, password, name=NAME):
        """The account as on the first day."""
        self.kill_vault()
        (self.stand_in / "state.json").unlink(missing_ok=True)
        self.begin_vault()
        self.put({"password": password}, name)

    def reader(self):
        token = self.control("POST", "/token", {"client": "reader"})["token"]
        return reader.AzureKeyVault(f"https://{self.host}:{self.port}", token, str(self.tls / "ca.pem")), self.secret_name

    def given(self):
        return {"the client secret": self.client_secret.read_text()}

    def wrong_secret(self):
        return "wrOng~Client.Secret-4711_0815"

    def issued(self):
        return {f"token {at}": token for at, token in enumerate(self.control("GET", "/tokens"))}


class SealedWorld(Fixture):
    """A sealed file: no server and no wire."""

    keeper = None
    secret_name = NAME

    def start_vault(self):
        self.pyrage = load("pyrage").client()
        ours, offline = self.pyrage.x25519.Identity.generate(), self.pyrage.x25519.Identity.generate()
        self.identity, self.recipients = ours, [ours.to_public(), offline.to_public()]
        folder = self.folder / "sealed"
        folder.mkdir(mode=0o700)
        self.file, self.key = folder / "passwords.age", folder / "key"
        samba.write_private(self.key, str(ours))

    def vault_section(self, value):
        return f"""kind = "sealed-file"
file = {text_of(self.file)}
recipients = {text_of([str(recipient) for recipient in self.recipients])}
key = {{ file = {text_of(value.get("token_file", self.key))} }}"""

    def vault_behind(self):
        return None

    def book(self):
        return json.loads(self.pyrage.decrypt(self.file.read_bytes(), [self.identity]))

    def seal(self, book):
        samba.write_private(self.file, "")
        self.file.write_bytes(self.pyrage.encrypt(json.dumps(book).encode(), self.recipients))

    def put(self, document, name=NAME):
        """A person seals the file with another current value."""
        book = self.book()
        account = book["accounts"][name]
        account["last_version"] += 1
        account["current"] = {"secret": document["password"], "rotation": None, "version": account["last_version"]}
        book["generation"] += 1
        self.seal(book)

    def slots(self, name=NAME):
        account = self.book()["accounts"].get(name) or {}
        return {slot: (account.get(slot) or {}).get("secret") for slot in ("current", "pending", "previous")}

    def secret(self, slot="current", name=NAME):
        return self.slots(name)[slot]

    def fresh_secret(self, password, name=NAME):
        """The account as on the first day."""
        for left in self.file.parent.glob(f"{self.file.name}*"):
            left.unlink()
        first = {"secret": password, "rotation": None, "version": 1}
        empty = {"pending": None, "previous": None, "announced": None, "kept": [], "last_version": 1}
        self.seal({"format": 1, "generation": 1, "sealed_for": [str(recipient) for recipient in self.recipients],
                   "accounts": {name: {"current": first} | empty}})

    def reader(self):
        return reader.SealedFile(str(self.file), str(self.identity)), self.secret_name

    def given(self):
        """The key, as its file has it and as a program has it; without the words that every such key begins with."""
        written = str(self.identity)
        data = written.removeprefix("AGE-SECRET-KEY-1")
        return {"the key": data, "the key in small letters": data.lower(), "the key's bytes": bech32_bytes(data)}

    def wrong_secret(self):
        return str(self.pyrage.x25519.Identity.generate())

    def issued(self):
        return {}


def bech32_bytes(data):
    """The 32 bytes in the data part of a bech32 text."""
    number = 0
    for letter in data.lower()[:-6]:
        number = number << 5 | "qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(letter)
    spare = (len(data) - 6) * 5 % 8
    return (number >> spare).to_bytes(32, "big")


WORLDS = {"OpenBao": OpenBaoWorld, "Key Vault": KeyVaultWorld, "sealed file": SealedWorld}
