"""The unattended service as a process, and what it answers over HTTP."""

import http.client
import os
import queue
import signal
import subprocess
import threading
import time

from checks import program

START_LIMIT_S, END_LIMIT_S, ANSWER_LIMIT_S = 60, 60, 60
SAID = "serving; health and metrics on "


class Served:
    """`with` starts it on any free port of loopback, and ends it."""

    def __init__(self, *words, environment=None):
        self.words, self.lines, self.environment = words, [], environment or {}

    def __enter__(self):
        environment = {name: value for name, value in os.environ.items() if name != "ENTRA_ROTATOR_CONFIG"}
        self.process = subprocess.Popen(
            [program(), "serve", "--listen", "127.0.0.1:0", *self.words], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            env={**environment, **self.environment})
        said = queue.Queue()

        def listen():
            for line in self.process.stderr:
                self.lines.append(line.rstrip())
                if line.startswith(SAID):
                    said.put(line.removeprefix(SAID).strip())
            said.put("")

        threading.Thread(target=listen, daemon=True).start()
        self.address = said.get(timeout=START_LIMIT_S)
        if not self.address:
            raise RuntimeError("it did not serve:\n" + "\n".join(self.lines))
        self.url = f"http://{self.address}"
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(END_LIMIT_S)

    def ask(self, path, method="GET", body=None, **headers):
        """Status, headers and body, bytes that are no text among it; nothing is followed."""
        connection = http.client.HTTPConnection(self.address, timeout=ANSWER_LIMIT_S)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=named)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode(errors="surrogateescape")
        finally:
            connection.close()

    def took(self, path, times=5):
        """The median of how long an answer takes, in milliseconds."""
        lengths = []
        for _ in range(times):
            begun = time.monotonic()
            status, _, _ = self.ask(path)
            assert status == 200, (path, status)
            lengths.append((time.monotonic() - begun) * 1000)
        return sorted(lengths)[times // 2]
