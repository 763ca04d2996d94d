"""The two wire proxies of a fixture in one process: every external request of the program gets a number."""

import argparse
import asyncio
import ssl
import threading
from pathlib import Path

from fixture import DC, DC_ADDRESS, VAULT, VAULT_ADDRESS, VAULT_PORT, load

wire = load("wire-proxy")
DC_DOOR, VAULT_DOOR = 6360, 8201
START_LIMIT_S = 10


class Crossing:
    """Listens beside directory and vault; `order` says at which request the program's process is ended."""

    def __init__(self, world):
        folder = world.folder / "wire"
        folder.mkdir()
        self.counter, self.log, self.pid_file = folder / "counter", folder / "log", folder / "pid"
        self.options = argparse.Namespace(counter=str(self.counter), log=str(self.log), pid_file=str(self.pid_file),
                                          kill_at=None, cut_at=None, moment=None)
        # One watch, so that both protocols share one counter; it reads its orders anew at each request.
        self.watch = wire.Watch(self.options)
        self.doors = [
            (wire.ldap, DC_ADDRESS, DC_DOOR, DC, 636, world.dc / "tls", "leaf", world.dc / "tls/ca.pem"),
            (wire.http, VAULT_ADDRESS, VAULT_DOOR, VAULT, VAULT_PORT, world.vault.tls, "server", world.vault.tls / "ca.pem"),
        ]
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True).start()
        if not ready.wait(START_LIMIT_S):
            raise RuntimeError("the wire proxies do not listen")

    async def serve(self, ready):
        listeners = [await self.door(*door) for door in self.doors]
        ready.set()
        await asyncio.gather(*(listener.serve_forever() for listener in listeners))

    async def door(self, speak, address, port, host, to, tls, leaf, ca):
        outward = ssl.create_default_context(cafile=str(ca))
        inward = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        inward.load_cert_chain(tls / f"{leaf}.pem", tls / f"{leaf}.key")

        async def connection(reader, writer):
            server = None
            try:
                server = await wire.within(wire.CONNECT_LIMIT_S, asyncio.open_connection(
                    host, to, ssl=outward, server_hostname=host, limit=wire.HEAD_BYTES_MAX))
                await speak(self.watch, (reader, writer), server)
            except wire.Struck:
                writer.transport.abort()
            except (wire.Ended, OSError):
                pass
            finally:
                for side in [writer, *([server[1]] if server else [])]:
                    await wire.farewell(side)

        return await asyncio.start_server(connection, address, port, ssl=inward, limit=wire.HEAD_BYTES_MAX)

    def order(self, number=None, moment=None):
        """Numbers begin at 1 again; at request `number` the process in the pid file is ended."""
        for file in (self.counter, self.pid_file, self.log):
            file.unlink(missing_ok=True)
        self.options.kill_at = self.watch.at = number
        self.options.moment = moment

    def watched(self, process):
        fresh = self.pid_file.with_suffix(".new")
        fresh.write_text(str(process.pid))
        fresh.rename(self.pid_file)

    def lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def count(self):
        return int(Path(self.counter).read_text()) if self.counter.exists() else 0
