"""Looking for secrets in bytes, in every form in which a program could let one slip."""

import base64
import binascii
import json
import re
import urllib.parse

# A piece of a secret is a leak as well: its beginning, its middle and its end are looked for.
PIECE = 12


def escaped(raw, zero):
    """Bytes as a debugger's string: what is printable as it is, the rest escaped."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else zero if byte == 0 else f"\\x{byte:02x}"
                   for byte in raw).encode()


def debug_string(raw, zero):
    """As Rust shows bytes."""
    short = {0: zero, 9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 92: "\\\\"}
    return "".join(short.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in raw).encode()


def aligned(raw, offset):
    """What is always there in the base64 of a text that has `raw` at a position with this remainder by three."""
    whole = base64.b64encode(b"\0" * offset + raw)
    begin = (offset * 8 + 5) // 6
    end = (offset + len(raw)) * 8 // 6
    return whole[begin:end]


def forms(text):
    """Name and bytes of each form of a text, or of bytes that are no text."""
    if isinstance(text, bytes):
        found = {
            "bytes": text,
            "hexadecimal": text.hex().encode(),
            "hexadecimal, capital letters": text.hex().upper().encode(),
            "list of numbers": ", ".join(map(str, text)).encode(),
            "debug string": debug_string(text, "\\0"),
            "debug string, long zeros": debug_string(text, "\\x00"),
        }
        return found | base64_forms("bytes", text)
    narrow, wide = text.encode(), text.encode("utf-16-le")
    found = {
        "UTF-8": narrow,
        "UTF-16LE": wide,
        "JSON": json.dumps(text)[1:-1].encode(),
        "JSON with letters as they are": json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        "percent-encoded": urllib.parse.quote(text, safe="").encode(),
        "percent-encoded, small letters": percent_small(text),
        "percent-encoded, every byte": "".join(f"%{byte:02X}" for byte in narrow).encode(),
        "hexadecimal": narrow.hex().encode(),
        "hexadecimal of UTF-16LE": wide.hex().encode(),
        "list of numbers": ", ".join(str(byte) for byte in narrow).encode(),
        "list of numbers of UTF-16LE": ", ".join(str(byte) for byte in wide).encode(),
        "debug string of UTF-16LE": escaped(wide, "\\0"),
        "debug string of UTF-16LE, long zeros": escaped(wide, "\\x00"),
    }
    return found | base64_forms("UTF-8", narrow) | base64_forms("UTF-16LE", wide)


def base64_forms(name, raw):
    found = {}
    for offset in range(3):
        plain = aligned(raw, offset)
        found[f"base64 of {name}, alignment {offset}"] = plain
        found[f"base64url of {name}, alignment {offset}"] = plain.replace(b"+", b"-").replace(b"/", b"_")
    return found


def examples(text):
    """A text as other programs would write it amid other things: for the search's own test, made in other ways."""
    if isinstance(text, bytes):
        found = {
            "bytes": b"key=" + text + b"\n",
            "hexadecimal": binascii.hexlify(b"head" + text),
            "hexadecimal, capital letters": base64.b16encode(b"head" + text),
            "list of numbers": str(list(b"head" + text + b"tail")).encode(),
            "debug string": repr(b"\"\0" + text + b"\"\0").replace('"', '\\"').encode(),
        }
        for offset in range(3):
            found[f"base64 of bytes, alignment {offset}"] = base64.b64encode(b"user:"[:3 + offset] + text + b":tail")
            found[f"base64url of bytes, alignment {offset}"] = base64.urlsafe_b64encode(b"user:"[:3 + offset] + text + b"!")
        return found
    narrow, wide = text.encode(), text.encode("utf-16-le")
    found = {
        "UTF-8": b"password=" + narrow + b"\n",
        "UTF-16LE": f'"{text}"'.encode("utf-16-le"),
        "JSON": json.dumps({"data": {"password": text}}).encode(),
        "JSON with letters as they are": json.dumps({"password": text}, ensure_ascii=False).encode(),
        "percent-encoded": urllib.parse.urlencode({"user": "a b", "password": text}, quote_via=urllib.parse.quote).encode(),
        "percent-encoded, every byte": "".join(f"%{byte:02X}" for byte in b"x=" + narrow).encode(),
        "hexadecimal": (b"head" + narrow + b"tail").hex().encode(),
        "hexadecimal of UTF-16LE": (b"head" + wide + b"tail").hex().encode(),
        "list of numbers": str(list(b"head" + narrow + b"tail")).encode(),
        "list of numbers of UTF-16LE": str(list(b"\"\0" + wide + b"\"\0")).encode(),
        "debug string of UTF-16LE": repr(b"\"\0" + wide + b"\"\0").replace('"', "\\x22").encode(),
    }
    for name, raw in (("UTF-8", narrow), ("UTF-16LE", wide)):
        for offset in range(3):
            found[f"base64 of {name}, alignment {offset}"] = base64.b64encode(b"user:"[:3 + offset] + raw + b":tail")
            found[f"base64url of {name}, alignment {offset}"] = base64.urlsafe_b64encode(b"user:"[:3 + offset] + raw + b"!")
    return found


def percent_small(text):
    return re.sub("%..", lambda triple: triple[0].lower(), urllib.parse.quote(text, safe="")).encode()


def pieces(text):
    if len(text) <= PIECE:
        return [text]
    middle = (len(text) - PIECE) // 2
    return [text[:PIECE], text[middle:middle + PIECE], text[-PIECE:]]


class Search:
    """Names to secrets; a finding is (place, whose, form) and shows no secret."""

    def __init__(self, wanted):
        self.needles = {}
        for whose, text in wanted.items():
            for piece in pieces(text):
                for form, needle in forms(piece).items():
                    self.needles.setdefault(needle, set()).add((whose, form))

    def found(self, places, allowed=()):
        """Without the secrets in `allowed`, which may be there."""
        return sorted({(place, whose, form) for place, content in places.items()
                       for needle, owners in self.needles.items() if needle in content
                       for whose, form in owners
                       if not any(other in allowed for other, _ in owners)})
