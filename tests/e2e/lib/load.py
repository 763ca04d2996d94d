"""A load: many accounts, each on a server of its own, that fall due every minute; and what is counted of it afterwards."""

import json
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from fixture import ACCOUNT, CONNECTOR, MARK, PRINCIPAL, SAM, SECRET, decipher, host, new_password, samba

seed = sys.modules["contoso.seed"]
ACCOUNTS = 20
START_LIMIT_S, END_LIMIT_S = 60, 90


class One:
    """An account with a server of its own."""

    def __init__(self, world, number):
        self.number, self.world = number, world
        self.name = f"msol{number:02}"
        self.sam = f"MSOL_many{number:02}"
        self.server = f"SYNC{number + 1}"
        self.secret = f"entra/{self.name}"
        self.dn = f"CN={self.sam},CN=Users,DC=contoso,DC=test"
        self.principal = f"{self.sam}@CONTOSO.TEST"
        self.lab = world.folder / f"lab-{self.name}"

    def config(self):
        return (f'[[server]]\nname = "{self.server}"\nkind = "lab"\nlab_dir = "{self.lab}"\n'
                f'[[account]]\nname = "{self.name}"\nkind = "connector"\ndirectory_name = "{self.sam}"\n'
                f'vault_name = "{self.secret}"\nservers = [{{ server = "{self.server}" }}]\n')

    def make(self):
        """The user, its password in the vault, and the server that logs on with it."""
        password = new_password()
        quoted = f'"{password}"'.encode("utf-16-le")
        record = samba.ldif(self.dn, {"changetype": "add", "objectClass": "user", "sAMAccountName": self.sam,
                                      "unicodePwd": quoted, "userAccountControl": "512"})
        if self.world.modify(record) != 0:
            raise RuntimeError(f"{self.sam} was not made")
        self.world.fresh_secret(password, self.secret)
        file = self.world.folder / f"first-{self.name}"
        samba.write_private(file, password)
        done = self.world.tool("lab", "init", "--lab-dir", str(self.lab), "--server", self.server, "--account", self.sam,
                               "--logon", f"ldaps://{host('dc1')}", "--logon-ca-file",
                               str(self.world.dc / "tls/ca.pem"), "--logon-name", self.dn, "--password-file", str(file))
        file.unlink()
        if done.code != 0:
            raise RuntimeError(f"no lab was made: {done}")

    def accepts(self, password):
        """What Kerberos says; it refuses the password before at once."""
        return samba.log_on(self.world.dc, self.principal, password) == 0

    def key_version(self):
        return self.world.key_version(sam=self.sam)

    def vault_version(self):
        status, reply = self.world.call("GET", f"secret/metadata/{self.secret}")
        return reply["data"]["current_version"] if status == 200 else f"?{status}"

    def engine_password(self, place):
        server, = json.loads((self.lab / "world.json").read_text())["servers"]
        connector = next(found for found in server["connectors"] if found["name"] == CONNECTOR)
        key = decipher(server["machine_key"].encode(), server["key_set"]["known"])
        return decipher(key, connector[place]).removeprefix(MARK).decode()

    def lost(self):
        """What is wrong in the middle of it all: neither password of the vault is the directory's."""
        slots = self.world.slots(self.secret)
        known = [slots[slot] for slot in ("current", "pending") if slots[slot]]
        if not slots["current"]:
            return f"{self.name}: the vault has no current password"
        return None if any(self.accepts(password) for password in known) else f"{self.name}: {len(known)} are refused"


class Journal:
    """Read past the program."""

    def __init__(self, file):
        self.file = file

    def rows(self, question, *values):
        connection = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=20)
        try:
            return connection.execute(question, values).fetchall()
        finally:
            connection.close()

    def count(self, question, *values):
        (found,), = self.rows(question, *values)
        return found

    def events(self):
        """(rotation, account, event) of every entry of a rotation."""
        found = self.rows("SELECT rotation, account, event FROM entries JOIN rotations ON id = rotation "
                          "WHERE rotation <> 'notes' ORDER BY position")
        return [(rotation, account, json.loads(event)) for rotation, account, event in found]

    def finished(self):
        return self.count("SELECT COUNT(*) FROM entries WHERE json_extract(event, '$.event') = 'finished'")

    def open(self):
        return [account for account, in self.rows("SELECT account FROM rotations WHERE state <> 'closed'")]

    def held(self):
        return [account for account, in self.rows("SELECT account FROM rotations WHERE state = 'held'")]

    def notes(self, kind=None):
        found = [json.loads(event) for event, in
                 self.rows("SELECT event FROM entries WHERE rotation = 'notes' ORDER BY position")]
        return [note for note in found if kind in (None, note.get("note"))]


class Service:
    """One life of it; its talk goes to a file that all lives share."""

    def __init__(self, world, name="serve"):
        self.log = world.folder / f"{name}.log"
        self.begun_at = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = world.begin("serve", "--log", "info", "--log-format", "json", stdout=log, stderr=log)

    def said(self):
        with open(self.log, "rb") as log:
            log.seek(self.begun_at)
            return log.read().decode(errors="replace")

    def await_start(self):
        deadline = time.monotonic() + START_LIMIT_S
        while "serving;" not in self.said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"it does not serve: exit {self.process.poll()}\n{self.said()[-3000:]}")
            time.sleep(0.05)

    def end(self, number):
        """The exit code; `None` when it goes on."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(END_LIMIT_S)
        except Exception:
            self.process.kill()
            self.process.wait()
            return None


def wait_for(holds, limit_s, pause_s=0.1):
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
    return True


def each(work, items):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, items))


def grant(world, ones):
    """The rotator may reset them, and they may replicate, as the product's documents ask for."""
    def sid(sam):
        return samba.attribute(world.dc, sam, "objectSid")
    entries = [f"{seed.shipped(seed.RESET_PASSWORD).replace('{sid}', sid('rotator'))} {one.dn}\n" for one in ones]
    entries += [f"{right.replace('{sid}', sid(one.sam))} {seed.BASE}\n" for one in ones
                for right in (seed.GET_CHANGES, seed.GET_CHANGES_ALL)]
    seed.with_samba("grant.py", f"{world.dc}/smb.conf", f"{world.dc}/state/private/sam.ldb", stdin="".join(entries))


def build(world):
    ones = [One(world, number) for number in range(1, ACCOUNTS)]
    world.vault.allow([one.secret for one in ones])
    each(One.make, ones)
    grant(world, ones)
    first = One(world, 0)
    first.name, first.sam, first.secret = ACCOUNT, SAM, SECRET
    first.dn, first.principal, first.lab = world.dn, PRINCIPAL, world.lab
    world.fresh()
    world.config = world.configure(more="".join(one.config() for one in ones) + """
[schedule]
cron = "* * * * *"
minimum_gap_h = 0
misfire = "now"
retry = { first_min = 1 }
[limits]
in_flight = 4
spacing_s = 0
[serve]
listen = "127.0.0.1:0"
look_every_h = 1
stop_limit_s = 60
""")
    return [first, *ones]


def counts_agree(checks, world, journal, ones, before):
    """The journal's rotations, the vault's versions and the directory's sets of each account."""
    rotations = {one.name: {} for one in ones}
    for rotation, account, event in journal.events():
        kept = rotations[account].setdefault(rotation, {"claims": 0, "due": None, "end": None, "by": None})
        if event["event"] == "begun":
            kept["by"], kept["due"] = event["trigger"]["by"], event["trigger"].get("due")
        kept["claims"] += event["event"] == "claimed"
        if event["event"] in ("finished", "rolled-back"):
            kept["end"] = event["event"]
    wrong, twice, sets = [], [], 0
    for one in ones:
        mine = list(rotations[one.name].values())
        done = sum(kept["end"] == "finished" for kept in mine)
        if done != len(mine):
            wrong.append(f"{one.name}: {[kept['end'] for kept in mine]}")
        versions = one.vault_version() - before[one.name][0]
        if versions != done:
            wrong.append(f"{one.name}: {done} rotations, {versions} versions in the vault")
        moved = one.key_version() - before[one.name][1]
        claims = sum(kept["claims"] for kept in mine)
        sets += moved
        # Each is set and sealed once; what was interrupted unseen may be applied again, the same password.
        if not 2 * done <= moved <= 2 * done + claims:
            wrong.append(f"{one.name}: {done} rotations taken up {claims} times, {moved} sets in the directory")
        fires = [kept["due"] for kept in mine if kept["by"] == "schedule"]
        twice += [f"{one.name}: {due}" for due in set(fires) if fires.count(due) > 1]
    checks.that("each account: rotations, the vault's versions and the directory's sets agree", not wrong, "\n".join(wrong))
    checks.that("no fire was handled twice", not twice, "\n".join(twice))
    everything = [kept for mine in rotations.values() for kept in mine.values()]
    return {"rotations": len(everything), "by the schedule": sum(kept["by"] == "schedule" for kept in everything),
            "taken up": sum(bool(kept["claims"]) for kept in everything), "sets": sets}


def settled(one):
    """What is wrong with an account after everything has come to its end."""
    slots = one.world.slots(one.secret)
    if not slots["current"] or not one.accepts(slots["current"]):
        return f"{one.name}: the directory refuses the vault's current"
    if slots["pending"]:
        return f"{one.name}: a candidate is still pending"
    if any(one.engine_password(place) != slots["current"] for place in ("stored", "cached")):
        return f"{one.name}: the engine has another password"
    return None


def secrets_of(one):
    """Every password that the vault still has of an account."""
    found = set()
    for slot in ("", "-previous", "-pending"):
        _, reply = one.world.call("GET", f"secret/metadata/{one.secret}{slot}")
        for version in ((reply or {}).get("data") or {}).get("versions") or {}:
            _, reply = one.world.call("GET", f"secret/data/{one.secret}{slot}?version={version}")
            found.add((((reply or {}).get("data") or {}).get("data") or {}).get("password"))
    return found - {None}
