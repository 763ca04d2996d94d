"""The reader's decision, against every order in which a rotation's events can fall between its calls.

    python3 -m unittest discover -s docs/reader
"""

import contextlib
import itertools
import json
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from unittest import mock

import reader

# A rotation: what it does, in its order. `set` and `back` are the directory's; everything else is the vault's.
WHOLE = ("stage", "announce", "set", "promote")
ROLLED_BACK = ("stage", "announce", "set", "back", "discard")
GIVEN_UP = ("stage", "announce", "discard")
GIVEN_UP_EARLY = ("stage", "discard")
ROTATIONS = (WHOLE, ROLLED_BACK, GIVEN_UP, GIVEN_UP_EARLY)
# One that is held, its candidate live, or named and never set; and what a repair does with it. A repair has no password
# to go back to, so it is turned back before its set alone; then the held one is as it was.
HELD = ("stage", "announce", "set")
HELD_UNSET = ("stage", "announce")
REPAIR = ("take over", "announce", "set", "promote")
REPAIR_UNSET = ("take over", "announce")
REPAIR_BACK = ("take over", "announce", "give back")
REPAIR_BACK_EARLY = ("take over", "give back")
REPAIRED = [
    *((held, repair) for held in (HELD, HELD_UNSET) for repair in (REPAIR, REPAIR_BACK, REPAIR_BACK_EARLY)),
    # Somebody resumes the held one after that.
    *((HELD, back, (1, "promote")) for back in (REPAIR_BACK, REPAIR_BACK_EARLY)),
    *((HELD_UNSET, back, (1, "set", "promote")) for back in (REPAIR_BACK, REPAIR_BACK_EARLY)),
]
TWO_REPAIRS = [
    (HELD, first, REPAIR) for first in (REPAIR[:-1], REPAIR_UNSET, REPAIR_BACK, REPAIR_BACK_EARLY)
]
# So many of the reader's calls have events before them; whatever is left then happens at once.
CALLS_WITH_EVENTS = 7
SOMEBODYS = "somebody else's"


class World:
    """A vault and a directory, and the rotations that go on while somebody reads."""

    def __init__(self, events, moments):
        self.current, self.announced = "P0", None
        # What is pending and all that it took over, oldest first: (rotation, password).
        self.held = []
        self.live, self.ever_live, self.before = "P0", {"P0"}, None
        self.all, self.events = tuple(events), list(events)
        self.moments, self.calls, self.tries = list(moments), 0, []

    def pass_by(self):
        """One call of the reader: first comes what happens before it."""
        while self.moments and (self.moments[0] <= self.calls or self.calls >= CALLS_WITH_EVENTS):
            self.moments.pop(0)
            self.happen(*self.events.pop(0))
        self.calls += 1

    def happen(self, number, event):
        rotation, new = f"r{number}", f"P{number}"
        if event == "stage":
            self.held = [(rotation, new)]
        elif event == "take over":
            self.held.append((rotation, new))
        elif event == "announce":
            self.announced = rotation
        elif event == "set":
            self.before, self.live = self.live, new
            self.ever_live.add(new)
        elif event == "back":
            self.live = self.before
        elif event == "promote":
            self.current, self.held, self.announced = new, [], None
        elif event == "discard":
            self.held, self.announced = [], None
        elif event == "give back":
            self.held.pop()
            self.announced = self.held[-1][0]
        elif event == "unmark":
            self.announced = None
        elif event == "put back":
            self.held.pop()
        elif event == "person":
            self.live = SOMEBODYS

    # The vault, as the reader asks it.

    def current_of(self):
        return reader.Current(self.current, self.announced, None)

    def candidates_of(self, rotation):
        return reader.up_to(rotation, self.held)

    def accepted(self, text):
        self.pass_by()
        self.tries.append((text, text in self.ever_live))
        return text == self.live


class Vault:
    def __init__(self, world):
        self.world = world

    def current(self, _name):
        self.world.pass_by()
        return self.world.current_of()

    def candidates(self, _name, rotation, _place):
        self.world.pass_by()
        return self.world.candidates_of(rotation)


def events_of(rotations):
    """Of rotations, numbered from 1; one that begins with a number is that one going on."""
    events = []
    for number, rotation in enumerate(rotations, 1):
        number, rotation = (rotation[0], rotation[1:]) if isinstance(rotation[0], int) else (number, rotation)
        events += [(number, event) for event in rotation]
    return events


def falls(events):
    """Every fall of these events between the reader's calls."""
    for moments in itertools.combinations_with_replacement(range(CALLS_WITH_EVENTS + 1), len(events)):
        yield World(events, moments)


def worlds():
    """Every world of one rotation and of two, one after the other."""
    for rotations in [*itertools.product(ROTATIONS), *itertools.product(ROTATIONS, repeat=2)]:
        yield from falls(events_of(rotations))


def repaired_worlds(among=None):
    """Every world of a held rotation and its repair, also those in which nothing more happens after any of its events."""
    for events in stopped(among or REPAIRED):
        yield from falls(events)


def stopped(among):
    return sorted({tuple(events_of(some)[:count]) for some in among for count in range(2, len(events_of(some)) + 1)})


def worlds_with_a_person():
    """Every world in which a person sets a password that no vault knows, before or after any of the events. The rotator
    sees that, and sets nothing over it."""
    after = ("stage", "announce", "take over", "discard", "give back")
    whole = [events_of(some) for some in [*((one,) for one in ROTATIONS), *REPAIRED]]
    cut = {(*all_of[:at], (0, "person"), *(one for one in all_of[at:] if one[1] in after))
           for all_of in whole for at in range(len(all_of) + 1)}
    for events in sorted(cut):
        yield from falls(events)


def never_set(world):
    """Candidates that a repair found, and that the directory never had. Nobody can tell them from a live one."""
    repairs = [number for number, event in world.all if event == "take over"]
    return {f"P{number}" for number in range(1, max(repairs, default=0)) if (number, "set") not in world.all}


def plain(world, **how):
    return reader.password(Vault(world), "n", world.accepted, sleep=lambda _: None, **how)


def faults(read, limit=None, among=worlds):
    """What a way of reading does wrong: none accepted, one returned that was not, one tried before the directory had it."""
    found, count = set(), 0
    for world in among():
        count += 1
        try:
            if read(world) != world.tries[-1][0]:
                found.add("returned another than it tried last")
        except reader.NoneAccepted:
            found.add("none accepted")
        early = [text for text, had in world.tries if not had]
        if set(early) - never_set(world):
            found.add("tried a candidate before the directory had it")
        if len(early) > len(set(early)):
            found.add("tried one twice that the directory never had")
        if found and limit:
            break
    return found, count


class Decision(unittest.TestCase):
    def test_every_fall_of_events(self):
        found, count = faults(plain)
        self.assertEqual(found, set())
        # docs/consumers.md names the numbers.
        self.assertEqual(count, 83_701)

    def test_every_fall_of_a_repairs_events(self):
        found, count = faults(plain, among=repaired_worlds)
        self.assertEqual(found, set())
        self.assertEqual(count, 25_818)

    def test_a_mark_that_goes_for_a_moment_costs_a_round(self):
        # A vault that takes the mark away, puts the earlier candidate back and is then told to mark that one.
        slowly = ("take over", "announce", "unmark", "put back")
        events = events_of([HELD, slowly, (1, "announce")])
        found, _ = faults(plain, among=lambda: falls(events))
        self.assertEqual(found, set())

    def test_two_repairs_within_one_read_take_two_more_refusals(self):
        found, _ = faults(lambda world: plain(world, refusals=7), among=lambda: repaired_worlds(TWO_REPAIRS))
        self.assertEqual(found, set())

    def test_a_password_of_a_person_costs_no_more_than_the_promised_refusals(self):
        most, count = 0, 0
        for world in worlds_with_a_person():
            count += 1
            with contextlib.suppress(reader.NoneAccepted):
                plain(world)
            refused = [text for text, _ in world.tries if text != world.live]
            most = max(most, len(refused))
            self.assertLessEqual(len(refused), reader.REFUSALS_MAX)
            candidates = [text for text in refused if text != "P0" and text != world.current]
            self.assertEqual(len(candidates), len(set(candidates)))
        self.assertEqual((most, count), (reader.REFUSALS_MAX, 89_523))

    def test_a_candidate_that_a_repair_took_over_is_found(self):
        # The repair stops right after its staging, or after its mark, and nobody goes on with it.
        for repair in (("take over",), ("take over", "announce")):
            events = events_of([HELD, repair])
            world = World(events, [0] * len(events))
            self.assertEqual(plain(world), "P1")
            self.assertEqual([text for text, _ in world.tries], ["P0", "P1"])

    def test_one_that_sees_the_last_candidate_alone_is_found_out(self):
        class Narrow(Vault):
            def candidates(self, name, rotation, place):
                super().candidates(name, rotation, place)
                return [text for owner, text in self.world.held[-1:] if owner == rotation]

        found, _ = faults(lambda w: reader.password(Narrow(w), "n", w.accepted, sleep=lambda _: None), 1, repaired_worlds)
        self.assertIn("none accepted", found)

    def test_the_latest_candidate_first_is_found_out(self):
        class Hasty(Vault):
            def candidates(self, name, rotation, place):
                return super().candidates(name, rotation, place)[::-1]

        found, _ = faults(lambda w: reader.password(Hasty(w), "n", w.accepted, sleep=lambda _: None), 1, repaired_worlds)
        self.assertIn("tried a candidate before the directory had it", found)

    def test_a_current_that_is_tried_once_is_found_out(self):
        # Turned back between two rounds: the same text is right again.
        def once(world):
            refused = set()

            def accepted(text):
                taken = text not in refused and world.accepted(text)
                refused.add(text)
                return taken

            return reader.password(Vault(world), "n", accepted, sleep=lambda _: None)

        found, _ = faults(once, limit=1)
        self.assertIn("none accepted", found)

    def test_a_candidate_first_is_found_out(self):
        class Eager(Vault):
            def current(self, name):
                seen = super().current(name)
                held = self.world.held
                return reader.Current(held[-1][1] if held else seen.password, seen.rotation, None)

        found, _ = faults(lambda w: reader.password(Eager(w), "n", w.accepted, sleep=lambda _: None), limit=1)
        self.assertIn("tried a candidate before the directory had it", found)

    def test_a_candidate_of_whatever_rotation_is_found_out(self):
        class Careless(Vault):
            def candidates(self, name, rotation, place):
                super().candidates(name, rotation, place)
                return [text for _, text in self.world.held]

        found, _ = faults(lambda w: reader.password(Careless(w), "n", w.accepted, sleep=lambda _: None), limit=1)
        self.assertIn("tried a candidate before the directory had it", found)

    def test_a_mark_that_is_read_after_the_refusal_is_found_out(self):
        def late(world):
            vault = Vault(world)
            for _ in range(reader.ROUNDS_MAX):
                seen = vault.current("n")
                if world.accepted(seen.password):
                    return seen.password
                mark = vault.current("n").rotation
                for candidate in vault.candidates("n", mark, None) if mark else []:
                    if world.accepted(candidate):
                        return candidate
            raise reader.NoneAccepted

        found, _ = faults(late, limit=1)
        self.assertIn("tried a candidate before the directory had it", found)

    def test_current_alone_is_not_enough(self):
        class Blind(Vault):
            def current(self, name):
                return super().current(name)._replace(rotation=None)

        # A rotation that stays between its set and its promotion.
        world = World(events_of([HELD]), [0, 0, 0])
        with self.assertRaises(reader.NoneAccepted):
            reader.password(Blind(world), "n", world.accepted, sleep=lambda _: None)
        world = World(events_of([HELD]), [0, 0, 0])
        self.assertEqual(reader.password(Vault(world), "n", world.accepted, sleep=lambda _: None), "P1")

    def test_it_ends_and_says_so(self):
        world, pauses = World([], []), []
        world.live = SOMEBODYS
        with self.assertRaisesRegex(reader.NoneAccepted, "entra-sync: none was accepted in 5 rounds, 3 tries"):
            reader.password(Vault(world), "entra-sync", world.accepted, sleep=pauses.append)
        self.assertEqual(pauses, [reader.PAUSE_S] * 4)

    def test_no_answer_is_no_refusal(self):
        def nobody(_):
            raise reader.Trouble("no domain controller")

        with self.assertRaises(reader.Trouble):
            reader.password(Vault(World([], [])), "n", nobody)


def answering(replies, asked):
    """In place of HTTPS: canned replies by the end of the address."""

    def ask(address, headers):
        asked.append((address, headers))
        path = address.partition("?")[0]
        return next((reply for end, reply in replies.items() if path.endswith(end)), (404, None))

    return lambda cafile: ask


class Vaults(unittest.TestCase):
    def test_hashicorp(self):
        kept = [{"rotation": "r1", "password": "first"}, {"rotation": "r2", "password": "second"}]
        repair = {"password": "third", "rotation": "r3", "kept": kept}
        mark = {"pending-path": "sync-pending", "pending-version": "3", "pending-rotation": "r1"}
        replies = {
            "/sync": (200, {"data": {"data": {"password": "old"}, "metadata": {"custom_metadata": mark}}}),
            "/sync-pending": (200, {"data": {"data": {"password": "new", "rotation": "r1"}, "metadata": {}}}),
            "/repaired-pending": (200, {"data": {"data": repair, "metadata": {}}}),
            "/person-pending": (200, {"data": {"data": {"password": "typed in"}, "metadata": {}}}),
            "/gone": (404, {"data": {"data": None, "metadata": {"deletion_time": "x"}}}),
            "/denied": (403, {"errors": ["permission denied"]}),
        }
        asked = []
        with mock.patch("reader.https", answering(replies, asked)):
            vault = reader.HashicorpVault("https://v:8200/", "secret", "t", namespace="n")
        current = vault.current("sync")
        self.assertEqual(current, ("old", "r1", "sync-pending"))
        self.assertEqual(vault.candidates("sync", "r1", current.place), ["new"])
        self.assertEqual(vault.candidates("sync", "r2", current.place), [])
        self.assertEqual(vault.candidates("repaired", "r1", "repaired-pending"), ["first"])
        self.assertEqual(vault.candidates("repaired", "r3", "repaired-pending"), ["first", "second", "third"])
        self.assertEqual(vault.candidates("repaired", "r4", "repaired-pending"), [])
        self.assertEqual(vault.candidates("person", "r1", "person-pending"), [])
        self.assertEqual(vault.candidates("gone", "r1", "gone-pending"), [])
        self.assertEqual(vault.current("gone"), (None, None, None))
        self.assertRaises(reader.Trouble, vault.current, "denied")
        self.assertRaises(reader.Trouble, vault.candidates, "sync", "r1", "other/path")
        self.assertEqual(asked[0], ("https://v:8200/v1/secret/data/sync", {"X-Vault-Token": "t", "X-Vault-Namespace": "n"}))

    def test_azure(self):
        disabled = {"error": {"code": "Forbidden", "innererror": {"code": "SecretDisabled"}}}
        replies = {
            "/sync": (200, {"value": "old", "tags": {"pending": "sync-pending/abc", "pending-rotation": "r1"}}),
            "/sync-pending/abc": (200, {"value": "new", "tags": {"rotation": "r1"}}),
            "/sync-pending/over": (403, disabled),
            "/sync-pending/def": (200, {"value": "third", "tags": {"rotation": "r3", "took-over": "bcd abc over ../x"}}),
            "/sync-pending/bcd": (200, {"value": "second", "tags": {"rotation": "r2", "took-over": "abc"}}),
            "/denied": (403, {"error": {"code": "Forbidden", "innererror": {"code": "ForbiddenByRbac"}}}),
        }
        with mock.patch("reader.https", answering(replies, [])):
            vault = reader.AzureKeyVault("https://v", "t")
        current = vault.current("sync")
        self.assertEqual(current, ("old", "r1", "sync-pending/abc"))
        self.assertEqual(vault.candidates("sync", "r1", current.place), ["new"])
        self.assertEqual(vault.candidates("sync", "r2", current.place), [])
        self.assertEqual(vault.candidates("sync", "r1", "sync-pending/over"), [])
        self.assertEqual(vault.candidates("sync", "r3", "sync-pending/def"), ["new", "second", "third"])
        self.assertEqual(vault.current("none"), (None, None, None))
        self.assertRaises(reader.Trouble, vault.current, "denied")
        self.assertRaises(reader.Trouble, vault.candidates, "sync", "r1", "other/abc")
        self.assertRaises(reader.Trouble, vault.candidates, "sync", "r1", "sync-pending/../x")

    def test_the_sealed_file(self):
        account = {
            "current": {"secret": "old", "rotation": None, "version": 1},
            "pending": {"secret": "new", "rotation": "r1", "version": 2},
            "previous": None, "announced": "r1", "kept": [], "last_version": 2,
        }
        vault = reader.SealedFile.__new__(reader.SealedFile)
        vault.path, vault.identity = __file__, None
        content = {"format": 1, "generation": 2, "sealed_for": [], "accounts": {"sync": account}}
        vault.decrypt = lambda _sealed, _identities: json.dumps(content) + " " * 99
        self.assertEqual(vault.current("sync"), ("old", "r1", None))
        self.assertEqual(vault.candidates("sync", "r1", None), ["new"])
        self.assertEqual(vault.candidates("sync", "r2", None), [])
        account["kept"], account["pending"] = [account["pending"]], {"secret": "newer", "rotation": "r2", "version": 3}
        self.assertEqual(vault.candidates("sync", "r1", None), ["new"])
        self.assertEqual(vault.candidates("sync", "r2", None), ["new", "newer"])
        self.assertEqual(vault.candidates("sync", "r3", None), [])
        self.assertEqual(vault.current("none"), (None, None, None))
        content["format"] = 2
        self.assertRaises(reader.Trouble, vault.current, "sync")

    def test_plain_http_and_redirects_get_no_token(self):
        with self.assertRaisesRegex(reader.Trouble, "https://"):
            reader.HashicorpVault("http://127.0.0.1:1", "secret", "t").current("sync")
        self.assertIsNone(reader.NoRedirect().redirect_request(None, None, 307, "", {}, "https://elsewhere"))

    def test_a_vault_that_sends_byte_by_byte_is_not_waited_for(self):
        def drip(listener, trust):
            with contextlib.suppress(OSError), trust.wrap_socket(listener.accept()[0], server_side=True) as connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(100):
                    connection.sendall(b" ")
                    time.sleep(0.1)

        with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
            certificate, key = f"{folder}/leaf.pem", f"{folder}/leaf.key"
            command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
            command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key]
            subprocess.run(command, check=True, capture_output=True, timeout=30)
            trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trust.load_cert_chain(certificate, key)
            threading.Thread(target=drip, args=(listener, trust), daemon=True).start()
            ask = reader.https(certificate, limit_s=1)
            begun = time.monotonic()
            with self.assertRaisesRegex(reader.Trouble, "not answered within 1 s"):
                ask(f"https://127.0.0.1:{listener.getsockname()[1]}/", {})
            self.assertLess(time.monotonic() - begun, 4)


if __name__ == "__main__":
    unittest.main()
