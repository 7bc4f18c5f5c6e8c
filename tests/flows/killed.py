"""A hub that is killed again and again, as one process on SQLite or as several on PostgreSQL.

lives = Lives(folder, address, APART)
await lives.begin()        # whoever is not there; True once all answer
await lives.kill(dice)     # somebody, by SIGKILL
"""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from sqlalchemy import select

from journal.database import open_engine
from tests.servers.private import free_port

EMBEDDED = ((),)
APART = (("intake", "console"), ("scheduler", "worker"), ("listener",), ("listener",))
"""The roles of each process: nobody is doors and listener, and of the listeners one stands by."""


class Lives:
    """Hubs, each forked from a process that has imported everything."""

    def __init__(self, folder, address, crew, program="tests.flows.lives"):
        self._addresses = [address, *(f"127.0.0.1:{free_port()}" for _ in crew[1:])]
        self._crew = crew
        self._pids = {}
        self._parent = subprocess.Popen(
            [sys.executable, "-m", program, folder / "hub.toml", folder / "hub.log"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    @property
    def pids(self):
        """Who is alive."""
        return list(self._pids.values())

    async def begin(self):
        """Everybody who is not alive."""
        for number, roles in enumerate(self._crew):
            if number not in self._pids:
                words = [word for role in roles for word in ("--role", role)]
                order = " ".join(("begin", *words, "--listen", self._addresses[number]))
                self._pids[number] = await asyncio.to_thread(self._order, order)

    async def until_ready(self, seconds=60):
        async with asyncio.timeout(seconds), httpx.AsyncClient(trust_env=False, timeout=5) as client:
            for address in self._addresses:
                while not await self._is_ready(client, address):  # noqa: ASYNC110 - a process tells nobody when it is ready
                    await asyncio.sleep(0.1)

    async def kill(self, dice):
        """Somebody, at once."""
        await self._end(dice.choice(sorted(self._pids)), signal.SIGKILL)

    async def dismiss(self):
        """Everybody, as an administrator does it."""
        for number in sorted(self._pids):
            await self._end(number, signal.SIGTERM)

    def close(self):
        for pid in self._pids.values():
            os.kill(pid, signal.SIGKILL)
        self._parent.stdin.close()
        self._parent.wait(30)
        self._parent.stdout.close()

    async def _end(self, number, sign):
        pid = self._pids.pop(number)
        os.kill(pid, sign)
        await asyncio.to_thread(self._order, f"end {pid}")

    def _order(self, line):
        self._parent.stdin.write(f"{line}\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    async def _is_ready(self, client, address):
        try:
            return (await client.get(f"http://{address}/health/ready")).is_success
        except httpx.TransportError:
            return False


def rows(url, *columns, where=()):
    """What the journal holds."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(select(*columns).where(*where))]
    finally:
        engine.dispose()
