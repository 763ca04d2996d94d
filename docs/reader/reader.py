"""Reads a password that entra-rotator changes, at any moment of a rotation. Copy it, and keep what you need.

    vault = HashicorpVault("https://vault.contoso.test:8200", "secret", token, cafile="/etc/ssl/vault-ca.pem")
    text = password(vault, "entra-sync", accepts_kerberos("svc-sync@CONTOSO.TEST"))

Python 3.9 or later and its standard library; `SealedFile` needs pyrage. docs/consumers.md says why it works this way.
"""

import http.client
import json
import os
import queue
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Callable, NamedTuple, Optional

ROUNDS_MAX = 5
REFUSALS_MAX = 5
REPEATS_MAX = 3
PAUSE_S = 3.0
CALL_LIMIT_S = 15.0
REPLY_BYTES_MAX = 1 << 20
AZURE_API = "7.4"


class Current(NamedTuple):
    """What one look at current shows: the password, and what the vault says beside it, of the same moment or earlier."""

    password: Optional[str]  # None: the account has none
    rotation: Optional[str]  # the rotation whose candidate may be live already; None: there is none
    place: Optional[str]  # where that candidate lies, where the vault has a word for it


class Trouble(Exception):
    """The vault or the directory gave no answer that means anything. Says nothing about the password."""


class NoneAccepted(Exception):
    """Every round ended without a password that was accepted."""


# ---- the decision


def password(
    vault, name, accepted: Callable[[str], bool], rounds=ROUNDS_MAX, refusals=REFUSALS_MAX, pause_s=PAUSE_S, sleep=time.sleep
):
    """The password of the account `name` that `accepted` says yes to.

    `accepted` tries a password where it will be used: True when it was taken, False when it was surely refused as wrong.
    For everything else (nobody answered, the account is locked) it raises, and so does this. It says no `refusals` times
    at most: to a candidate once, to current REPEATS_MAX times as long as the vault shows the same.
    """
    refused, seen, repeats = [], None, 0  # in memory alone, and until this returns
    for count in range(rounds):
        if count:
            sleep(pause_s)
        # The mark is never younger than this look: what is named here was staged before current is refused below.
        current = vault.current(name)
        if current.password is None:
            continue
        # Again after it was refused, as a rotation that is turned back makes it right again; but not for ever.
        seen, repeats = current, repeats + 1 if current == seen else 1
        if repeats > REPEATS_MAX:
            continue
        if accepted(current.password):
            return current.password
        refused.append(current.password)
        candidates = [] if current.rotation is None else vault.candidates(name, current.rotation, current.place)
        # Only now that current was refused, and the oldest first, as the directory was given them. One that it has left
        # behind does not come back, unless as current.
        for candidate in candidates:
            if len(refused) < refusals and candidate not in refused:
                if accepted(candidate):
                    return candidate
                refused.append(candidate)
        if len(refused) >= refusals:
            break
    raise NoneAccepted(
        f"{name}: none was accepted in {count + 1} rounds, {len(refused)} tries were refused; "
        "ask whoever runs the rotator: entra-rotator status, entra-rotator doctor"
    )


# ---- the vaults: `current(name)`, and `candidates(name, rotation, place)`: those that this rotation took over, oldest
# first, and its own as the last; none when nothing is held of that rotation any more


def up_to(rotation, candidates):
    """Of all that are held, oldest first, each (rotation, password): those up to this rotation's, which later ones may
    have taken over."""
    owners = [owner for owner, _ in candidates]
    return [text for _, text in candidates[: owners.index(rotation) + 1]] if rotation in owners else []


class HashicorpVault:
    """HashiCorp Vault or OpenBao, KV version 2. The policy needs `read` on `data/NAME` and `data/NAME-pending`."""

    def __init__(self, address, mount, token, cafile=None, namespace=None):
        self.base = f"{address.rstrip('/')}/v1/{mount}/data/"
        self.headers = {"X-Vault-Token": token}
        if namespace:
            self.headers["X-Vault-Namespace"] = namespace
        self.ask = https(cafile)

    def current(self, name):
        # One request: the value, and the custom metadata of its path.
        data, metadata = self.read(name)
        mark = metadata.get("custom_metadata") or {}
        return Current(data.get("password"), mark.get("pending-rotation"), mark.get("pending-path"))

    def candidates(self, name, rotation, place):
        if place != f"{name}-pending":
            raise Trouble(f"{name}: its metadata names a candidate elsewhere than at {name}-pending")
        data, _ = self.read(place)
        # A repair that takes candidates over keeps them beside its own.
        held = [*data.get("kept", []), data]
        return up_to(rotation, [(one["rotation"], one["password"]) for one in held if "rotation" in one])

    def read(self, path):
        status, reply = self.ask(self.base + urllib.parse.quote(path), self.headers)
        inner = (reply or {}).get("data") or {}
        # A deleted version answers 404 with its metadata.
        if status not in (200, 404):
            raise Trouble(f"{path}: the vault answered {status}")
        return inner.get("data") or {}, inner.get("metadata") or {}


class AzureKeyVault:
    """Azure Key Vault by REST, with a bearer token of your own. `azure-keyvault-secrets` gives the same three values."""

    def __init__(self, address, token, cafile=None):
        self.base = f"{address.rstrip('/')}/secrets/"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.ask = https(cafile)

    def current(self, name):
        value, tags = self.read(name)
        return Current(value, tags.get("pending-rotation"), tags.get("pending"))

    def candidates(self, name, rotation, place):
        secret, _, version = (place or "").partition("/")
        if secret != f"{name}-pending" or not version.isalnum():
            raise Trouble(f"{name}: its tag names a candidate elsewhere than in {name}-pending")
        # This version and no other: the latest one may be another rotation's, and one that is over is disabled.
        value, tags = self.read(place)
        if tags.get("rotation") != rotation:
            return []
        # Its own tag names what it took over, the latest first; those stay enabled until one of them all is proven.
        older = [one for one in reversed(tags.get("took-over", "").split()) if one.isalnum()]
        return [text for text, _ in (self.read(f"{secret}/{one}") for one in older) if text is not None] + [value]

    def read(self, path):
        status, reply = self.ask(f"{self.base}{urllib.parse.quote(path)}?api-version={AZURE_API}", self.headers)
        error = (reply or {}).get("error") or {}
        disabled = (error.get("innererror") or {}).get("code") == "SecretDisabled"
        if status == 404 or (status == 403 and disabled):
            return None, {}
        if status != 200:
            raise Trouble(f"{path}: the vault answered {status} {error.get('code', '')}")
        return reply.get("value"), reply.get("tags") or {}


class SealedFile:
    """The sealed file, opened with an age key that is among its recipients. Needs `pip install pyrage`."""

    FORMAT = 1

    def __init__(self, path, identity):
        import pyrage

        self.path, self.decrypt = path, pyrage.decrypt
        self.identity = pyrage.x25519.Identity.from_str(identity)

    def account(self, name):
        # The file is replaced as a whole, so this is one moment. It is closed before anybody waits.
        with open(self.path, "rb") as file:
            sealed = file.read()
        content = json.loads(self.decrypt(sealed, [self.identity]))
        if content["format"] != self.FORMAT:
            raise Trouble(f"{self.path} has form {content['format']}, and this reader knows form {self.FORMAT}")
        return content["accounts"].get(name) or {}

    def current(self, name):
        account = self.account(name)
        return Current((account.get("current") or {}).get("secret"), account.get("announced"), None)

    def candidates(self, name, rotation, _place):
        account = self.account(name)
        # A repair that takes candidates over keeps them beside its own.
        held = [*account.get("kept", []), account.get("pending")]
        return up_to(rotation, [(one["rotation"], one["secret"]) for one in held if one])


# ---- HTTPS


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to whoever it names."""

    def redirect_request(self, *_):
        return None


def https(cafile, limit_s=CALL_LIMIT_S):
    """A function (address, headers) -> (status, JSON): HTTPS alone, no proxy, no redirect, and all of it within `limit_s`."""
    trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=cafile))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect(), trust)

    def ask(address, headers):
        if not address.startswith("https://"):
            raise Trouble("the vault's address has to begin with https://")
        request = urllib.request.Request(address, headers=headers)
        try:
            try:
                with opener.open(request, timeout=limit_s) as reply:
                    return reply.status, json.loads(reply.read(REPLY_BYTES_MAX))
            except urllib.error.HTTPError as reply:
                text = reply.read(REPLY_BYTES_MAX)
                return reply.code, json.loads(text) if text[:1] == b"{" else None
        except (OSError, http.client.HTTPException, ValueError) as cause:
            raise Trouble(f"the vault at {urllib.parse.urlsplit(address).netloc} can't be read: {cause}") from None

    return lambda address, headers: within(limit_s, ask, address, headers)


def within(limit_s, ask, address, headers):
    """`ask`, at most so long. The timeout of a socket is for each of its operations alone, so that a vault which sends
    byte by byte is left to a thread that ends with the program."""
    ended = queue.SimpleQueue()

    def asking():
        try:
            ended.put((ask(address, headers), None))
        except BaseException as trouble:  # Whatever it is, it is raised where somebody waits.
            ended.put((None, trouble))

    threading.Thread(target=asking, daemon=True).start()
    try:
        reply, trouble = ended.get(timeout=limit_s)
    except queue.Empty:
        where = urllib.parse.urlsplit(address).netloc
        raise Trouble(f"the vault at {where} has not answered within {limit_s:g} s") from None
    if trouble:
        raise trouble
    return reply


# ---- an example of `accepted`


def accepts_kerberos(principal, limit_s=CALL_LIMIT_S):
    """`accepted` by a logon with MIT's kinit, which reads the password from standard input and keeps no ticket."""
    environment = {**os.environ, "LC_ALL": "C"}

    def accepted(text):
        command = ["kinit", "-c", "MEMORY:reader", principal]
        try:
            done = subprocess.run(
                command, input=text + "\n", text=True, capture_output=True, timeout=limit_s, env=environment, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as cause:
            raise Trouble(f"kinit for {principal} gave no answer: {type(cause).__name__}") from None
        if done.returncode == 0:
            return True
        if "Password incorrect" in done.stderr or "Preauthentication failed" in done.stderr:
            return False
        raise Trouble(f"kinit for {principal}: {done.stderr.strip()}")

    return accepted
