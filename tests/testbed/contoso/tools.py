"""Running commands, and files that only their owner reads."""

import os
import shutil
import subprocess
import time
from pathlib import Path

TESTBED = Path(__file__).resolve().parents[1]
TOOL_SECONDS = 60


class Failed(Exception):
    """A message for the person at the terminal."""


class Unavailable(Failed):
    """This machine can't do it: a test that needs it is skipped, not failed."""


def missing(name):
    return Failed(f"{name} is not installed: install the packages in {TESTBED}/packages.txt")


def tool(*command, stdin=None, seconds=TOOL_SECONDS, env=None, check=True):
    """Runs a command without a terminal; its output is shown only when it fails."""
    try:
        done = subprocess.run(command, input=stdin or "", capture_output=True, text=True, timeout=seconds,
                              env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}, check=False)
    except FileNotFoundError:
        raise missing(command[0]) from None
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end within {seconds} s") from None
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command[:3])} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def samba_script(script, *arguments):
    """The command that runs a script of this folder under the Python that has Samba's modules: the one that samba-tool
    itself names."""
    path = shutil.which("samba-tool")
    if not path:
        raise missing("samba-tool")
    with open(path, encoding="utf-8") as file:
        python = file.readline().removeprefix("#!").split()
    return *python, "-B", str(Path(__file__).parent / script), *arguments


def with_samba(script, *arguments, stdin=None, seconds=TOOL_SECONDS):
    """Runs it."""
    return tool(*samba_script(script, *arguments), stdin=stdin, seconds=seconds)


def write_private(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def wait_until(holds, seconds, pause=0.1):
    """Whether it holds within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
