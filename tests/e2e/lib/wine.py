"""Wine as the Windows that the cross-built program runs on, and a fixture in which that Windows is the Connect server."""

import atexit
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checks import ROOT, TESTBED, Checks
from fixture import SAM, SECRET, SERVER, VAULT, VAULT_ADDRESS, VAULT_PORT, Fixture, openbao

WINE = TESTBED / "wine"
BUILT = ROOT / "target/windows"
PROBE, PRODUCT, POWERSHELL, ENGINE = (BUILT / f"{name}.exe" for name in ("probe", "entra-rotator", "powershell", "miiserver"))
START_LIMIT_S, CALL_LIMIT_S, STOP_LIMIT_S, TOOL_LIMIT_S = 300, 90, 60, 300
SKIPPED = 77
SERVICE = "ADSync"
# Where the programs lie whose places the stand-ins take.
INTERPRETER = Path("windows/system32/WindowsPowerShell/v1.0/powershell.exe")
INSTALLED = Path("Program Files/Microsoft Azure AD Sync/Bin/miiserver.exe")
# The service's account, which is only asked about where a rotation is of it.
SERVICE_SAM, SERVICE_SECRET = "self-changer", "entra/adsync"


def leave_unless_built(*programs):
    """Ends the stage, and says what became of the stage `windows`, when that has not made these programs."""
    absent = ", ".join(file.name for file in programs if not file.is_file())
    if not absent:
        return
    checks, logs = Checks(), ROOT / "target/test-logs"
    ended, log = logs / "windows.end", logs / "windows.log"
    status = ended.read_text().split()[0] if ended.is_file() else None
    if status == str(SKIPPED):
        said = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("skipped: ")]
        checks.skip(f"the stage windows was skipped, so there is no {absent}: {said[-1][9:] if said else 'it says no reason'}")
    else:
        what = f"failed (status {status})" if status else "has not run"
        checks.that(f"the stage windows {what}, so there is no {absent}", False, "deploy/windows/build --check makes them")
    code = checks.end()
    sys.exit(code if checks.failed else SKIPPED)


class Answer:
    """A program that ended under Wine."""

    def __init__(self, done, seconds):
        self.code, self.out, self.err, self.seconds = done.returncode, done.stdout.strip(), done.stderr, seconds

    def __contains__(self, text):
        return self.code == 0 and text in self.out

    def failed_with(self, number, call=""):
        return self.code == 1 and self.out.startswith(f"error {number}: {call}") and f"error {number}: " in self.out[9:]

    def number(self, field):
        found = re.search(rf"\b{field}: (?:Some\()?(\d+)", self.out)
        return int(found.group(1)) if found else None

    def __str__(self):
        return f"ended with {self.code} after {self.seconds:.1f} s: {self.out}\n{self.err[-2000:]}"


class Windows:
    """A Windows of its own, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.drive = folder / "prefix/drive_c"

    def start(self):
        subprocess.run([WINE, "start", self.folder], check=True, timeout=START_LIMIT_S, stdin=subprocess.DEVNULL)

    def restart(self):
        """Its power is cut, and comes back."""
        subprocess.run([WINE, "restart", self.folder], check=True, timeout=START_LIMIT_S, stdin=subprocess.DEVNULL)

    def begin(self, *command, traces=None, **options):
        environment = {**os.environ, **({"WINEDEBUG": traces} if traces else {})}
        return subprocess.Popen([WINE, "run", self.folder, *map(str, command)], env=environment, **options)

    def run(self, *command, text="", traces=None, limit_s=CALL_LIMIT_S):
        environment = {**os.environ, **({"WINEDEBUG": traces} if traces else {})}
        begun = time.monotonic()
        done = subprocess.run([WINE, "run", self.folder, *map(str, command)], input=text, capture_output=True,
                              encoding="utf-8", errors="replace", timeout=limit_s, check=False, env=environment)
        return Answer(done, time.monotonic() - begun)

    def __call__(self, *arguments, **more):
        return self.run(PROBE, *arguments, **more)

    def stop(self):
        subprocess.run([WINE, "stop", self.folder], check=False, timeout=STOP_LIMIT_S, stdin=subprocess.DEVNULL)


def seen_by_windows(path):
    """A path as a program under Wine has it, wherever it is started."""
    return "Z:" + str(path).replace("/", "\\") if str(path).startswith("/") else str(path)


def processes(name):
    """The process ids of a Windows program, as Linux sees them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            # The program's path as it was started: a path of Linux or of Windows.
            if re.split(r"[\\/]", words[0].decode(errors="replace").lower())[-1] == name:
                found.append(int(entry.name))
    return found


class WineWorld(Fixture):
    """The program runs under Wine, on the machine that is the Connect server: `kind = "local"`."""

    def start_vault(self):
        self.vault = openbao.Instance(self.folder / "vault")
        openbao.make_ca(self.vault.tls)
        openbao.make_leaf(self.vault.tls, "server", [VAULT_ADDRESS, VAULT])
        self.vault.start(VAULT_ADDRESS, VAULT_PORT, [SECRET, SERVICE_SECRET])
        self.trust = ssl.create_default_context(cafile=str(self.vault.tls / "ca.pem"))
        self.root = self.vault.token("root")

    def start_server(self):
        # Seven hundred megabytes: not in memory, where the rest of the fixture is.
        self.scratch = Path(tempfile.mkdtemp(prefix="wine-rotation.", dir=ROOT / "target/testbed"))
        atexit.register(shutil.rmtree, self.scratch, ignore_errors=True)
        self.windows = Windows(self.scratch)
        begun = time.monotonic()
        self.windows.start()
        print(f"Wine is there after {time.monotonic() - begun:.1f} s", flush=True)
        interpreter, engine = self.windows.drive / INTERPRETER, self.windows.drive / INSTALLED
        shutil.copyfile(POWERSHELL, interpreter)
        self.argv, self.adsync_log, self.orders = (
            self.folder / name for name in ("powershell-argv", "adsync-log", "adsync-orders"))
        (interpreter.parent / "stand-in.json").write_text(json.dumps({
            "lab": seen_by_windows(self.lab), "server": SERVER, "argv": seen_by_windows(self.argv)}))
        engine.parent.mkdir(parents=True)
        shutil.copyfile(ENGINE, engine)
        put = self.windows("put-in", SERVICE, "CONTOSO\\" + SERVICE_SAM, "C:\\" + str(INSTALLED).replace("/", "\\"),
                           seen_by_windows(self.lab), SERVER)
        if put.code != 0:
            raise RuntimeError(f"the service was not put in: {put}")

    def server_section(self, value):
        return 'kind = "local"'

    def configure(self, name="config.toml", more="", **other):
        path = super().configure(name, more, **other)
        paths = re.compile(r'"(/[^"]*)"')
        path.write_text(paths.sub(lambda found: json.dumps(seen_by_windows(found.group(1))), path.read_text()))
        return path

    def begin(self, *arguments, config=None, traces=None, **options):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        words = [*arguments, "--config", config or self.config]
        return self.windows.begin(PRODUCT, *map(seen_by_windows, words), traces=traces, **(streams | options))

    def finish(self, process, limit_s=TOOL_LIMIT_S):
        return super().finish(process, limit_s)

    def tool(self, *arguments, config=None, limit_s=TOOL_LIMIT_S):
        return super().tool(*arguments, config=config, limit_s=limit_s)

    # --- the service -------------------------------------------------------------------------------------------

    def order(self, *starts):
        """How the next starts of the service go."""
        self.orders.write_text("".join(f"{start}\n" for start in starts))

    def service(self, word, limit_s=30):
        return self.windows(word, SERVICE, *([limit_s] if word in ("start", "stop") else []))

    def happened(self):
        """What the service wrote down: (its process, what)."""
        text = self.adsync_log.read_text() if self.adsync_log.exists() else ""
        return [tuple(line.split(" ", 1)) for line in text.splitlines()]

    def make_lab(self, password, sam=SAM, lab=None):
        """A fresh model behind the service, which stores this password and logs on to the real directory."""
        self.orders.unlink(missing_ok=True)
        stopped = self.service("stop")
        if stopped.code != 0:
            raise RuntimeError(f"the service does not stop: {stopped}")
        super().make_lab(password, sam, lab)
        self.adsync_log.unlink(missing_ok=True)
        started = self.service("start")
        if "Yes(" not in started:
            raise RuntimeError(f"the service does not start: {started}\n{self.happened()}")


class ServerAlone(WineWorld):
    """The Connect server, without a directory and a vault."""

    def __init__(self, folder):
        self.folder, self.lab = folder, folder / "lab"
        self.start_server()
