"""A PDF, read by poppler and qpdf."""

import re
import subprocess
from dataclasses import dataclass, field
from html import unescape

LIMIT_S = 60
# What the print's fonts have of what the tests write: Latin, Greek, Cyrillic, and signs.
DRAWN = re.compile("[\u0020-\u007e\u00a0-\u052f\u1e00-\u22ff\u23ce\u25a0-\u25ff\u2713-\u2718\u27e8\u27e9]")


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=LIMIT_S, check=True)
    # An element's title is printed as it is stored, which need not be UTF-8; nothing here looks at one.
    return done.stdout.decode(errors="replace")


def checked(file):
    done = subprocess.run(["qpdf", "--check", str(file)], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    return done.stdout + done.stderr


def info(file):
    return {name: value.strip() for name, _, value in (line.partition(":") for line in run("pdfinfo", file).splitlines())}


def metadata(file):
    return run("pdfinfo", "-meta", file)


def claims(xmp):
    return dict(re.findall(r"<(pdf(?:aid|uaid):(?:part|conformance))>([^<]+)<", xmp))


def fonts(file):
    """Name of each font: embedded, a part of it, with a map to Unicode."""
    rows = [line.split() for line in run("pdffonts", file).splitlines()[2:]]
    return {row[0]: tuple(row[-5:-2]) for row in rows}


def pages(file):
    return run("pdftotext", "-layout", file, "-").rstrip("\f").split("\f")


def pictures(file, folder, numbers):
    for number in numbers:
        name = folder / f"print-{number}"
        run("pdftoppm", "-r", 80, "-png", "-singlefile", "-f", number, "-l", number, file, name)
        yield number, name.with_suffix(".png")


def bookmarks(file):
    """How many there are."""
    return run("qpdf", "--json", "--json-key=outlines", file).count('"destpageposfrom1"')


def visible(text):
    """As the print shows a text: breaks and tabs by a sign, what hides or is in no font by its code point."""
    text = text.replace("\n", "⏎").replace("\t", "⇥")
    hidden = re.compile("[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f]")
    return "".join(letter if DRAWN.match(letter) and not hidden.match(letter) else f"⟨U+{ord(letter):04X}⟩" for letter in text)


@dataclass
class Table:
    caption: str = ""
    rows: list = field(default_factory=list)


@dataclass
class Structure:
    tables: list = field(default_factory=list)
    text: str = ""


def structure(file):
    """The tables as the tags tell them, and all text in reading order. `pdfinfo` prints an element a line, its text in quotes."""
    found, inside, head = Structure(), "", False
    for line in run("pdfinfo", "-struct-text", file).split("\n"):
        said = re.fullmatch(r'\s+"(.*)"', line)
        if said:
            text = unescape(said.group(1)) if "&#" in said.group(1) else said.group(1)
            found.text += text
            if inside == "Caption":
                found.tables[-1].caption += text
            elif inside == "cell" and not head:
                found.tables[-1].rows[-1][-1] += text
            continue
        element = re.match(r"\s*(\w+)", line)
        kind = element.group(1) if element else ""
        if kind == "Table":
            found.tables.append(Table())
        elif kind in ("THead", "TBody"):
            head = kind == "THead"
        elif kind == "TR" and not head:
            found.tables[-1].rows.append([])
        elif kind in ("TH", "TD") and not head:
            found.tables[-1].rows[-1].append("")
        if kind:
            inside = "cell" if kind in ("TH", "TD") else kind
            found.text += "\n"
    return found
