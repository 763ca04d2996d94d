"""A configured site without a server of anybody else's: the lab's directory over LDAPS, the lab's Connect server, a sealed file."""

import json
import os
import subprocess

from checks import program
from fixture import load

RUN_LIMIT_S, END_LIMIT_S = 120, 20
ACCOUNT, SAM = "msol", "MSOL_1a2b3c4d5e6f"


class LabSite:
    """`with` makes it and ends what it started."""

    def __init__(self, folder, more="", journal=None, vaulted=None):
        """`vaulted` are other secrets that the vault has: what it holds by its name there."""
        self.folder, self.lab, self.config = folder, folder / "site", folder / "config.toml"
        self.vaulted = vaulted or {}
        self.more, self.journal = more, journal or f'[journal]\nfile = "{folder}/journal.db"'

    def write(self, name, text):
        file = self.folder / name
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            opened.write(text if isinstance(text, bytes) else text.encode())
        return file

    def __enter__(self):
        first = self.write("first", "The-first-Password-of-all-7")
        done = self.run("lab", "init", "--lab-dir", self.lab, "--account", SAM, "--addresses", "127.0.0.2",
                        "--rotator-password-file", self.folder / "rotator", "--password-file", first)
        if done.returncode != 0:
            raise RuntimeError(f"no lab was made: {done}")
        self.directory = subprocess.Popen(
            [program(), "lab", "serve", "--lab-dir", self.lab, "--port", "0", "--until-stdin-ends", "--format", "json"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = ""
        for line in self.directory.stdout:
            told += line
            try:
                self.served = json.loads(told)
                break
            except json.JSONDecodeError:
                continue
        self.seal(first.read_text())
        self.configure()
        return self

    def __exit__(self, *_):
        self.directory.stdin.close()
        try:
            self.directory.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.directory.kill()
            self.directory.wait(END_LIMIT_S)

    def seal(self, password):
        """The file as on the first day, with the password in use."""
        pyrage = load("pyrage").client()
        own, offline = (pyrage.x25519.Identity.generate() for _ in range(2))
        self.recipients = [str(key.to_public()) for key in (own, offline)]
        self.key = self.write("key", str(own))
        sealed = self.folder / "sealed"
        sealed.mkdir(mode=0o700)
        empty = {"pending": None, "previous": None, "announced": None, "kept": [], "last_version": 1}
        accounts = {name: {"current": {"secret": secret, "rotation": None, "version": 1}} | empty
                    for name, secret in {ACCOUNT: password, **self.vaulted}.items()}
        book = {"format": 1, "generation": 1, "sealed_for": self.recipients, "accounts": accounts}
        keys = [pyrage.x25519.Recipient.from_str(key) for key in self.recipients]
        self.write("sealed/passwords.age", pyrage.encrypt(json.dumps(book).encode(), keys))

    def configure(self, more=None):
        self.config.write_text(f"""
{self.journal}
[directory]
urls = {json.dumps(self.served["urls"])}
ca_file = {json.dumps(self.served["ca_file"])}
bind_name = "rotator@contoso.test"
bind_password = {{ file = "{self.folder}/rotator" }}
[vault]
kind = "sealed-file"
file = "{self.folder}/sealed/passwords.age"
recipients = {json.dumps(self.recipients)}
key = {{ file = "{self.key}" }}
[[server]]
name = "SYNC1"
kind = "lab"
lab_dir = "{self.lab}"
[[account]]
name = "{ACCOUNT}"
kind = "connector"
directory_name = "{SAM}"
vault_name = "{ACCOUNT}"
servers = [{{ server = "SYNC1" }}]
{self.more if more is None else more}
""")

    def run(self, *words):
        environment = {name: value for name, value in os.environ.items() if name != "ENTRA_ROTATOR_CONFIG"}
        return subprocess.run([program(), *map(str, words)], capture_output=True, text=True, timeout=RUN_LIMIT_S,
                              check=False, env=environment, stdin=subprocess.DEVNULL)

    def tool(self, *words):
        return self.run(*words, "--config", self.config)

    def fault(self, *words):
        done = self.run("lab", "fault", *words, "--lab-dir", self.lab)
        if done.returncode != 0:
            raise RuntimeError(f"no fault: {done}")

    def labels(self):
        """Which password each holder has, as the lab itself sees it."""
        shown = json.loads(self.run("lab", "show", "--lab-dir", self.lab, "--format", "json").stdout)
        [account] = shown["accounts"]
        return {holder["holder"]: holder["label"] for holder in account["holders"]}
