"""The reader's decision, against every order in which a rotation's events can fall between its calls.

    python3 -m unittest discover -s docs/reader
"""

import itertools
import json
import unittest
from unittest import mock

import reader

# A rotation: what it does, in its order. `set` and `back` are the directory's; everything else is the vault's.
WHOLE = ("stage", "announce", "set", "promote")
ROLLED_BACK = ("stage", "announce", "set", "back", "discard")
GIVEN_UP = ("stage", "announce", "discard")
GIVEN_UP_EARLY = ("stage", "discard")
ROTATIONS = (WHOLE, ROLLED_BACK, GIVEN_UP, GIVEN_UP_EARLY)
# So many of the reader's calls have events before them; whatever is left then happens at once.
CALLS_WITH_EVENTS = 7


class World:
    """A vault and a directory, and the rotations that go on while somebody reads."""

    def __init__(self, rotations, moments):
        self.current, self.pending, self.announced = "P0", None, None
        self.live, self.ever_live, self.before = "P0", {"P0"}, None
        self.events = [
            (number, event) for number, rotation in enumerate(rotations, 1) for event in rotation
        ]
        self.moments, self.calls, self.tries = list(moments), 0, []

    def pass_by(self):
        """One call of the reader: first comes what happens before it."""
        while self.moments and (self.moments[0] <= self.calls or self.calls >= CALLS_WITH_EVENTS):
            self.moments.pop(0)
            self.happen(*self.events.pop(0))
        self.calls += 1

    def happen(self, number, event):
        new = f"P{number}"
        if event == "stage":
            self.pending = (f"r{number}", new)
        elif event == "announce":
            self.announced = f"r{number}"
        elif event == "set":
            self.before, self.live = self.live, new
            self.ever_live.add(new)
        elif event == "back":
            self.live = self.before
        elif event == "promote":
            self.current, self.pending, self.announced = new, None, None
        elif event == "discard":
            self.pending, self.announced = None, None

    # The vault, as the reader asks it.

    def current_of(self):
        return reader.Current(self.current, self.announced, None)

    def candidate_of(self, rotation):
        return self.pending[1] if self.pending and self.pending[0] == rotation else None

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

    def candidate(self, _name, rotation, _place):
        self.world.pass_by()
        return self.world.candidate_of(rotation)


def worlds():
    """Every world of one rotation and of two, one after the other, with every fall of their events."""
    for rotations in [*itertools.product(ROTATIONS), *itertools.product(ROTATIONS, repeat=2)]:
        events = sum(len(rotation) for rotation in rotations)
        for moments in itertools.combinations_with_replacement(range(CALLS_WITH_EVENTS + 1), events):
            yield World(rotations, moments)


def faults(read, limit=None):
    """What a way of reading does wrong: none accepted, one returned that was not, one tried before the directory had it."""
    found, count = set(), 0
    for world in worlds():
        count += 1
        try:
            if read(world) != world.tries[-1][0]:
                found.add("returned another than it tried last")
        except reader.NoneAccepted:
            found.add("none accepted")
        if not all(had for _, had in world.tries):
            found.add("tried a candidate before the directory had it")
        if found and limit:
            break
    return found, count


class Decision(unittest.TestCase):
    def test_every_fall_of_events(self):
        found, count = faults(lambda world: reader.password(Vault(world), "n", world.accepted, sleep=lambda _: None))
        self.assertEqual(found, set())
        # docs/consumers.md names the number.
        self.assertEqual(count, 83_701)

    def test_a_candidate_first_is_found_out(self):
        class Eager(Vault):
            def current(self, name):
                seen = super().current(name)
                candidate = self.world.pending
                return reader.Current(candidate[1] if candidate else seen.password, seen.rotation, None)

        found, _ = faults(lambda w: reader.password(Eager(w), "n", w.accepted, sleep=lambda _: None), limit=1)
        self.assertIn("tried a candidate before the directory had it", found)

    def test_a_candidate_of_whatever_rotation_is_found_out(self):
        class Careless(Vault):
            def candidate(self, name, rotation, place):
                super().candidate(name, rotation, place)
                return self.world.pending[1] if self.world.pending else None

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
                candidate = vault.candidate("n", mark, None) if mark else None
                if candidate and world.accepted(candidate):
                    return candidate
            raise reader.NoneAccepted

        found, _ = faults(late, limit=1)
        self.assertIn("tried a candidate before the directory had it", found)

    def test_current_alone_is_not_enough(self):
        class Blind(Vault):
            def current(self, name):
                return super().current(name)._replace(rotation=None)

        # A rotation that stays between its set and its promotion.
        world = World([("stage", "announce", "set")], [0, 0, 0])
        with self.assertRaises(reader.NoneAccepted):
            reader.password(Blind(world), "n", world.accepted, sleep=lambda _: None)
        world = World([("stage", "announce", "set")], [0, 0, 0])
        self.assertEqual(reader.password(Vault(world), "n", world.accepted, sleep=lambda _: None), "P1")

    def test_it_ends_and_says_so(self):
        world, pauses = World([], []), []
        world.live = "somebody else's"
        with self.assertRaisesRegex(reader.NoneAccepted, "entra-sync: none was accepted in 5 rounds, 5 tries"):
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
        mark = {"pending-path": "sync-pending", "pending-version": "3", "pending-rotation": "r1"}
        replies = {
            "/sync": (200, {"data": {"data": {"password": "old"}, "metadata": {"custom_metadata": mark}}}),
            "/sync-pending": (200, {"data": {"data": {"password": "new", "rotation": "r1"}, "metadata": {}}}),
            "/gone": (404, {"data": {"data": None, "metadata": {"deletion_time": "x"}}}),
            "/denied": (403, {"errors": ["permission denied"]}),
        }
        asked = []
        with mock.patch("reader.https", answering(replies, asked)):
            vault = reader.HashicorpVault("https://v:8200/", "secret", "t", namespace="n")
        current = vault.current("sync")
        self.assertEqual(current, ("old", "r1", "sync-pending"))
        self.assertEqual(vault.candidate("sync", "r1", current.place), "new")
        self.assertIsNone(vault.candidate("sync", "r2", current.place))
        self.assertEqual(vault.current("gone"), (None, None, None))
        self.assertRaises(reader.Trouble, vault.current, "denied")
        self.assertRaises(reader.Trouble, vault.candidate, "sync", "r1", "other/path")
        self.assertEqual(asked[0], ("https://v:8200/v1/secret/data/sync", {"X-Vault-Token": "t", "X-Vault-Namespace": "n"}))

    def test_azure(self):
        disabled = {"error": {"code": "Forbidden", "innererror": {"code": "SecretDisabled"}}}
        replies = {
            "/sync": (200, {"value": "old", "tags": {"pending": "sync-pending/abc", "pending-rotation": "r1"}}),
            "/sync-pending/abc": (200, {"value": "new", "tags": {"rotation": "r1"}}),
            "/sync-pending/over": (403, disabled),
            "/denied": (403, {"error": {"code": "Forbidden", "innererror": {"code": "ForbiddenByRbac"}}}),
        }
        with mock.patch("reader.https", answering(replies, [])):
            vault = reader.AzureKeyVault("https://v", "t")
        current = vault.current("sync")
        self.assertEqual(current, ("old", "r1", "sync-pending/abc"))
        self.assertEqual(vault.candidate("sync", "r1", current.place), "new")
        self.assertIsNone(vault.candidate("sync", "r2", current.place))
        self.assertIsNone(vault.candidate("sync", "r1", "sync-pending/over"))
        self.assertEqual(vault.current("none"), (None, None, None))
        self.assertRaises(reader.Trouble, vault.current, "denied")
        self.assertRaises(reader.Trouble, vault.candidate, "sync", "r1", "other/abc")
        self.assertRaises(reader.Trouble, vault.candidate, "sync", "r1", "sync-pending/../x")

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
        self.assertEqual(vault.candidate("sync", "r1", None), "new")
        self.assertIsNone(vault.candidate("sync", "r2", None))
        self.assertEqual(vault.current("none"), (None, None, None))
        content["format"] = 2
        self.assertRaises(reader.Trouble, vault.current, "sync")

    def test_plain_http_and_redirects_get_no_token(self):
        with self.assertRaisesRegex(reader.Trouble, "https://"):
            reader.HashicorpVault("http://127.0.0.1:1", "secret", "t").current("sync")
        self.assertIsNone(reader.NoRedirect().redirect_request(None, None, 307, "", {}, "https://elsewhere"))


if __name__ == "__main__":
    unittest.main()
