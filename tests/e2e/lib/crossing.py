"""The wire proxies of a fixture in one process: every external request of the program gets a number."""

import argparse
import asyncio
import ssl
import threading
from pathlib import Path

from checks import DCS
from fixture import LDAPS, VAULT_ADDRESS, host, load

wire = load("wire-proxy")
DC_DOOR, VAULT_DOOR = 6360, 8201
PROTOCOLS = ("ldap", "http", "server")
START_LIMIT_S = 10


class Watch(wire.Watch):
    """Numbers the requests at one door; all doors share the counter, the log and the orders."""

    def __init__(self, options, name="", record=None):
        super().__init__(options)
        self.name, self.record = name, record

    def request(self, talk, identity, operation, raw, place):
        if self.record:
            self.record.request(self.name.strip(), (id(talk), identity), operation, raw, place)

    def reply(self, talk, identity, raw, place):
        if self.record:
            self.record.reply((id(talk), identity), raw, place)

    def log(self, line):
        number, protocol, rest = line.split(" ", 2) if line.count(" ") > 1 else (line, "", "")
        line = f"{number} {protocol} {self.name}{rest}" if protocol == "ldap" else line
        super().log(line)
        if protocol in PROTOCOLS and self.options.words and line.endswith(self.options.words):
            self.options.nth -= 1
            if self.options.nth == 0:
                self.options.at = int(number)

    def is_moment(self, number, moment):
        return number == self.options.at and self.options.moment == moment

    async def strike(self, number):
        """Something is done at this moment first, where that is ordered."""
        self.options.came = True
        act, self.options.act = self.options.act, None
        if act:
            super().log(f"{number} act {self.options.moment}")
            await asyncio.get_running_loop().run_in_executor(None, act)
        if self.options.kill_at or self.options.cut_at:
            await super().strike(number)


class Crossing:
    """Listens beside directory and vault; `order` says at which request something happens, and what. What a record
    (of passwords.py) is given, it keeps."""

    def __init__(self, world, record=None):
        folder = world.folder / "wire"
        folder.mkdir()
        self.counter, self.log, self.pid_file = folder / "counter", folder / "log", folder / "pid"
        self.options = argparse.Namespace(counter=str(self.counter), log=str(self.log), pid_file=str(self.pid_file),
                                          kill_at=None, cut_at=None, at=None, moment=None, act=None, words=None, nth=0, came=False)
        self.doors = [
            *((wire.ldap, Watch(self.options, f"{at} " if len(world.dcs) > 1 else "", record), DCS[at], DC_DOOR, host(at), LDAPS,
               dc / "tls", "leaf", dc / "tls/ca.pem") for at, dc in world.dcs.items()),
        ]
        if behind := world.vault_behind():
            self.doors.append((wire.http, Watch(self.options), VAULT_ADDRESS, VAULT_DOOR, *behind))
        self.agents = world.server_door()
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True).start()
        if not ready.wait(START_LIMIT_S):
            raise RuntimeError("the wire proxies do not listen")

    async def serve(self, ready):
        listeners = [await self.door(*door) for door in self.doors]
        if self.agents:
            listeners.append(await asyncio.start_unix_server(self.agent, self.agents))
        ready.set()
        await asyncio.gather(*(listener.serve_forever() for listener in listeners))

    async def door(self, speak, watch, address, port, name, to, tls, leaf, ca):
        outward = ssl.create_default_context(cafile=str(ca))
        inward = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        inward.load_cert_chain(tls / f"{leaf}.pem", tls / f"{leaf}.key")

        async def connection(reader, writer):
            server = None
            try:
                server = await wire.within(wire.CONNECT_LIMIT_S, asyncio.open_connection(
                    name, to, ssl=outward, server_hostname=name, limit=wire.HEAD_BYTES_MAX))
                await speak(watch, (reader, writer), server)
            except wire.Struck:
                writer.transport.abort()
            except (wire.Ended, OSError):
                pass
            finally:
                for side in [writer, *([server[1]] if server else [])]:
                    await wire.farewell(side)

        return await asyncio.start_server(connection, address, port, ssl=inward, limit=wire.HEAD_BYTES_MAX)

    async def agent(self, reader, writer):
        """One request to an agent: the two moments are before it begins and after it ended."""
        watch = Watch(self.options)
        try:
            number = watch.number()
            watch.log(f"{number} server {(await reader.readline()).decode().strip()}")
            for moment in ("before", "after"):
                if watch.is_moment(number, moment):
                    await watch.strike(number)
                await wire.send(writer, b"+")
                if moment == "before":
                    await wire.within(wire.MESSAGE_LIMIT_S, reader.readexactly(1))
        except (wire.Ended, OSError):
            pass
        finally:
            await wire.farewell(writer)

    def order(self, number=None, moment=None, act=None, words=None, nth=1, cut=False, kill=None):
        """Numbers begin at 1 again. At request `number`, or at the `nth` one whose line in the log ends with these
        words, `act` is called, if given. Then the connection is cut with `cut`, or the process in the pid file is
        ended with `kill`; with an act and neither of them the request goes on."""
        for file in (self.counter, self.pid_file, self.log):
            file.unlink(missing_ok=True)
        kill = not (act or cut) if kill is None else kill
        self.options.words, self.options.nth = words, nth
        self.options.at, self.options.moment, self.options.act, self.options.came = number, moment, act, False
        # Which of the two is set says what is broken.
        self.options.kill_at, self.options.cut_at = kill, cut

    def watched(self, process):
        fresh = self.pid_file.with_suffix(".new")
        fresh.write_text(str(process.pid))
        fresh.rename(self.pid_file)

    def lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def struck(self):
        """Whether the moment came. The log may not say so: the process that is ended takes its connection along."""
        return self.options.came

    def requests(self):
        """What was asked, without the numbers: "ldap modify CN=…"."""
        return [line.split(" ", 1)[1] for line in self.lines() if line.split(" ", 2)[1] in PROTOCOLS]

    def count(self):
        return int(Path(self.counter).read_text()) if self.counter.exists() else 0
