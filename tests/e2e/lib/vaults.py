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

    def reader(self):
        vault = reader.HashicorpVault(self.vault.url(), "secret", self.root, str(self.vault.tls / "ca.pem"))
        return vault, self.secret_name


class KeyVaultWorld(Fixture):
    """Azure Key Vault's stand-in. The rotator has the rights that deploy/azure gives it, and a client secret."""

    secret_name = NAME
    host, tenant, client = "myvault.vault.azure.net", "11111111-2222-3333-4444-555555555555", "rotator"
    port, control_port = 8300, 8301

    def start_vault(self):
        folder = self.folder / "key-vault"
        (folder / "tokens").mkdir(parents=True)
        self.tls = folder / "tls"
        openbao.make_ca(self.tls)
        openbao.make_leaf(self.tls, "server", [VAULT_ADDRESS, self.host])
        self.client_secret = folder / "client-secret"
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


class SealedWorld(Fixture):
    """A sealed file: no server and no wire."""

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


WORLDS = {"OpenBao": OpenBaoWorld, "Key Vault": KeyVaultWorld, "sealed file": SealedWorld}
