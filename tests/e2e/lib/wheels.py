"""Somebody else's Python packages, for tests alone, pinned by their hashes."""

import fcntl
import shutil
import subprocess
import sys

from checks import ROOT, TESTBED

LIMIT_S = 300


def installed(name):
    """Puts what tests/testbed/NAME-requirements.txt pins into target/testbed once; callers in parallel wait for the first."""
    target = ROOT / "target/testbed" / name
    requirements = TESTBED / f"{name}-requirements.txt"
    stamp, wanted = target / "installed", requirements.read_text()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.exists() and stamp.read_text() == wanted):
            fresh = target.parent / f".{name}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
                   "--disable-pip-version-check", "--root-user-action", "ignore", "--require-hashes"]
            subprocess.run([*pip, "--target", str(fresh), "-r", str(requirements)], check=True, timeout=LIMIT_S)
            (fresh / "installed").write_text(wanted)
            shutil.rmtree(target, ignore_errors=True)
            fresh.rename(target)
    return target
