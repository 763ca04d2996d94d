"""Other people's programs and libraries from PyPI, in a folder of their own, pinned by their hashes."""

import shutil
import subprocess
import sys

from checks import ROOT, TESTBED

INSTALL_LIMIT_S = 300


def installed(name):
    """The folder with what tests/testbed/NAME-requirements.txt names: installed once, kept until that file changes."""
    requirements, target = TESTBED / f"{name}-requirements.txt", ROOT / "target" / "testbed" / name
    stamp, wanted = target / "installed", requirements.read_text()
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
                        "--no-compile", "--disable-pip-version-check", "--root-user-action", "ignore",
                        "--require-hashes", "--target", str(target), "-r", str(requirements)], check=True,
                       timeout=INSTALL_LIMIT_S)
        stamp.write_text(wanted)
    return target
