"""Counting checks, and running a stage inside networks of its own."""

import atexit
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TESTBED = ROOT / "tests" / "testbed"
NAMES = ["dc1.contoso.test=127.0.0.2", "vault.contoso.test=127.0.0.3", "deaf.contoso.test=127.0.0.4"]
INSIDE = "--inside"
PR_SET_PDEATHSIG = 1


class Checks:
    """What was found. A check that fails is shown with its evidence and does not end the stage."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def that(self, what, holds, evidence=""):
        if holds:
            self.passed += 1
            print(f"ok      {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED  {what}", flush=True)
            for line in str(evidence).splitlines():
                print(f"        | {line}", flush=True)
        return bool(holds)

    def equal(self, what, seen, expected, evidence=""):
        return self.that(what, seen == expected, f"seen {seen!r}, expected {expected!r}\n{evidence}")

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed or not self.passed else 0


def run(script, body, limit_s, parts=1, names=NAMES, pair=False, program=True):
    """Runs `body(checks, part, folder)` inside networks of its own, `parts` of them side by side, and exits.

    `names` is what `samba within` is told; `pair` = the directory has two domain controllers; `program` =
    the program and the vault are part of it.

    Everything in there, servers too, ends with it: a process tree and a tmpfs that nobody else sees.
    """
    if sys.argv[1:2] == [INSIDE]:
        sys.exit(inside(body, int(sys.argv[2])))
    trouble = missing(program)
    if trouble:
        print(f"FAILED  {trouble}\n0 passed, 1 failed, 0 skipped")
        sys.exit(1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    # Made before the parts start, so that they do not wait for each other.
    made = ["template-pair", pair_template()] if pair else ["template", template()]
    for command in [[TESTBED / "samba", *made]] + [[TESTBED / "openbao", "install"]] * program:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=900)
    children = [start(script, part, names) for part in range(parts)]
    threads = [threading.Thread(target=show, args=(child, part if parts > 1 else None), daemon=True)
               for part, child in enumerate(children)]
    for thread in threads:
        thread.start()
    clock = threading.Timer(limit_s, lambda: [child.kill() for child in children])
    clock.daemon = True
    clock.start()
    total = Checks()
    for child, thread in zip(children, threads):
        child.wait()
        thread.join(30)
        words = child.last.replace(",", "").split()
        if len(words) == 6 and words[1::2] == ["passed", "failed", "skipped"]:
            total.passed += int(words[0])
            total.failed += int(words[2])
            total.skipped += int(words[4])
        else:
            total.that("the stage reaches its end", False, f"it ended with {child.returncode}: {child.last}")
    clock.cancel()
    sys.exit(total.end())


def inside(body, part):
    checks = Checks()
    folder = Path("/mnt/e2e")
    folder.mkdir()
    try:
        body(checks, part, folder)
    except Exception as trouble:  # A stage that breaks has failed, with everything it counted so far.
        import traceback

        checks.that("the stage reaches its end", False, f"{trouble}\n{traceback.format_exc()}")
    return checks.end()


def missing(program):
    if os.geteuid() != 0:
        done = subprocess.run([TESTBED / "samba", "can-unprivileged"], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            return f"this stage needs root here: {done.stderr.strip()}"
    file = Path(os.environ.get("ENTRA_ROTATOR") or ROOT / "target/debug/entra-rotator")
    if program and not file.is_file():
        return f"there is no program at {file}: `cargo build` makes it, ENTRA_ROTATOR names another"
    absent = [name for name in ("samba", "kinit", "ldapmodify", "openssl", "unshare") if not shutil.which(name)]
    return f"not installed: {', '.join(absent)} (tests/testbed/packages*.txt)" if absent else None


def template():
    return os.environ.get("ENTRA_ROTATOR_SAMBA_TEMPLATE") or str(ROOT / "target/testbed/samba-template")


def pair_template():
    return os.environ.get("ENTRA_ROTATOR_SAMBA_PAIR_TEMPLATE") or str(ROOT / "target/testbed/samba-pair-template")


def start(script, part, names):
    """The parts end with this process, however it ends."""
    prctl = ctypes.CDLL(None).prctl
    command = [TESTBED / "samba", "within", *names, "--", sys.executable, script, INSIDE, str(part)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, errors="replace", env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                             preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    child.last = ""
    atexit.register(child.kill)
    return child


def show(child, part):
    for line in child.stdout:
        child.last = line.strip() or child.last
        # A skip has to be named at the beginning of a line.
        print(line if part is None or line.startswith("skipped: ") else f"{part}: {line}", end="", flush=True)
