"""Other people's programs and libraries from PyPI, in a folder of their own, pinned by their hashes."""

import fcntl
import shutil
import subprocess
import sys

from checks import ROOT, TESTBED

INSTALL_LIMIT_S = 300


def installed(name):
    """The folder with what tests/testbed/NAME-requirements.txt names: installed once, kept until that file changes. Callers in
    parallel wait for the first."""
    requirements, target = TESTBED / f"{name}-requirements.txt", ROOT / "target" / "testbed" / name
    stamp, wanted = target / "installed", requirements.read_text()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.exists() and stamp.read_text() == wanted):
            fresh = target.parent / f".{name}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
                            "--no-compile", "--disable-pip-version-check", "--root-user-action", "ignore",
                            "--require-hashes", "--target", str(fresh), "-r", str(requirements)], check=True,
                           timeout=INSTALL_LIMIT_S)
            (fresh / "installed").write_text(wanted)
            shutil.rmtree(target, ignore_errors=True)
            fresh.rename(target)
    return target


def importable(name):
    """Installs it, and lets this process import it."""
    sys.path.insert(0, str(installed(name)))
