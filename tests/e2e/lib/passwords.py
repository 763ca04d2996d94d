"""What passes the doors of the directory, with the passwords in it: which were set, which were tried, what was answered.

They stay in the memory of the test; what is printed are their labels.
"""

from crossing import wire

ACCEPTED, WRONG = 0, 49
OCTETS, SEQUENCE, SET, SIMPLE = 0x04, 0x30, 0x31, 0x80


def parts(raw, start, end):
    """The elements between two positions as (tag, start, end)."""
    at = start
    while at < end:
        tag, begin, at = wire.ber(raw, at)
        yield tag, begin, at


class Asked:
    """A logon or a set, and the directory's result code; None = no answer was seen."""

    def __init__(self, at, kind, name, passwords):
        self.at, self.kind, self.name, self.passwords, self.code = at, kind, name, passwords, None


class Record:
    def __init__(self):
        self.open, self.asked = {}, []

    def request(self, at, key, operation, raw, place):
        asked = None
        if operation == "bind":
            _, name, (tag, begin, end) = parts(raw, *place)
            if tag == SIMPLE:
                asked = Asked(at, "logon", raw[name[1]:name[2]].decode(), [raw[begin:end].decode()])
        elif operation == "modify":
            name, changes = parts(raw, *place)
            values = list(self.values(raw, changes))
            if values:
                asked = Asked(at, "set", raw[name[1]:name[2]].decode(), values)
        if asked:
            self.asked.append(asked)
            self.open[key] = asked

    @staticmethod
    def values(raw, changes):
        """The passwords in a change of unicodePwd; the probe's single byte is none."""
        for _, begin, end in parts(raw, *changes[1:]):
            _, (_, inside, inside_end) = parts(raw, begin, end)
            kind, values = parts(raw, inside, inside_end)
            if raw[kind[1]:kind[2]].lower() == b"unicodepwd":
                for _, start, stop in parts(raw, *values[1:]):
                    if stop - start > 4:
                        yield raw[start:stop].decode("utf-16-le").strip('"')

    def reply(self, key, raw, place):
        asked = self.open.pop(key, None)
        if asked:
            _, begin, end = next(iter(parts(raw, *place)))
            asked.code = int.from_bytes(raw[begin:end], "big")

    def take(self):
        """What was asked since the last call."""
        asked, self.asked = self.asked, []
        return asked
