"""Chromium without a screen: as a command, and driven through its debugging pipe."""

import base64
import json
import os
import select
import shutil
import struct
import subprocess
import time
import zlib

LIMIT_S = 60
COMMAND = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]


class Browser:
    """One page of one browser. `with` ends it."""

    def __init__(self, folder):
        self.folder, self.number, self.left, self.events = folder, 0, b"", []

    def __enter__(self):
        theirs_in, self.out = os.pipe()
        self.into, theirs_out = os.pipe()

        def pipes():
            # Chromium reads from 3 and writes to 4. Both are moved out of the way first.
            ends = [os.dup(end) for end in (theirs_in, theirs_out)]
            high = [os.dup2(end, 50 + number) for number, end in enumerate(ends)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [*COMMAND, "--remote-debugging-pipe", f"--user-data-dir={self.folder}", "about:blank"], close_fds=False,
            preexec_fn=pipes, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.session = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.ask("Browser.close")
            self.process.wait(LIMIT_S)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait(LIMIT_S)
        finally:
            os.close(self.out)
            os.close(self.into)
            shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        return self.until(lambda answer: answer.get("id") == self.number)

    def until(self, wanted):
        end = time.monotonic() + LIMIT_S
        while True:
            while b"\0" in self.left:
                text, self.left = self.left.split(b"\0", 1)
                answer = json.loads(text)
                if "method" in answer:
                    self.events.append(answer)
                if wanted(answer):
                    if "error" in answer:
                        raise RuntimeError(f"the browser: {answer['error']}")
                    return answer.get("result")
            if not select.select([self.into], [], [], max(0, end - time.monotonic()))[0]:
                raise RuntimeError("the browser does not answer")
            part = os.read(self.into, 1 << 20)
            if not part:
                raise RuntimeError("the browser ended")
            self.left += part

    def show(self, file, **how):
        self.go(f"file://{file}", **how)

    def go(self, url, width=1280, height=900, scheme="light"):
        self.sized(width, height, scheme)
        self.events.clear()
        self.ask("Page.navigate", url=url)
        self.loaded()

    def sized(self, width=1280, height=900, scheme="light"):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def loaded(self):
        """Waits until a page is there that was asked for since the events were last cleared."""
        if not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.until(lambda event: event.get("method") == "Page.loadEventFired")

    def press(self, key, **more):
        """A key, as a person's finger would."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}[key]
        text = {"Enter": "\r", " ": " "}.get(key)
        named = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code, **more}
        self.ask("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **named,
                 **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **named)

    def type(self, text):
        self.ask("Input.insertText", text=text)

    def requested(self):
        return [event["params"]["request"]["url"] for event in self.events
                if event["method"] == "Network.requestWillBeSent"]

    def complaints(self):
        """What the browser told its console, and dialogs that it opened."""
        told = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")
        return [event for event in self.events if event["method"] in told]

    def value(self, expression, **how):
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, **how)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the browser: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def picture(self, file):
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
        return file

    def printed(self, file):
        file.write_bytes(base64.b64decode(self.ask("Page.printToPDF", preferCSSPageSize=True)["data"]))
        return file


def run(folder, *words):
    """Chromium as a command."""
    profile = folder / "profile"
    try:
        done = subprocess.run([*COMMAND, f"--user-data-dir={profile}", *words], capture_output=True, text=True,
                              timeout=LIMIT_S, check=False)
    finally:
        shutil.rmtree(profile, ignore_errors=True)
    return done.stdout


def pixels(file):
    """Width, height, and the rows of a PNG picture with 8 bits for each channel."""
    data, at, packed = file.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", body[:10])
            channels = {2: 3, 6: 4}[colours]
            assert depth == 8
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    raw, rows, above = zlib.decompress(packed), [], bytes(width * channels)
    for line in range(height):
        start = line * (width * channels + 1)
        way, row = raw[start], bytearray(raw[start + 1:start + 1 + width * channels])
        for index in range(len(row)):
            left = row[index - channels] if index >= channels else 0
            up, corner = above[index], above[index - channels] if index >= channels else 0
            if way == 1:
                row[index] = (row[index] + left) & 255
            elif way == 2:
                row[index] = (row[index] + up) & 255
            elif way == 3:
                row[index] = (row[index] + (left + up) // 2) & 255
            elif way == 4:
                guess = left + up - corner
                near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))
                row[index] = (row[index] + near[2]) & 255
        above = row
        rows.append([tuple(row[index:index + 3]) for index in range(0, len(row), channels)])
    return width, height, rows


def brightness(file):
    _, _, rows = pixels(file)
    return sum(sum(pixel) for row in rows for pixel in row) / (3 * sum(len(row) for row in rows))
