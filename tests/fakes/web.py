"""An HTTP service on a loopback port: answers by path, and fails in every way, as the fake engine does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.engine import FakeEngine


@dataclass
class FakeWeb(FakeEngine):
    """The service; use as an asynchronous context manager. `base` is its address."""

    path: Path = Path()
    port: int = 0

    @property
    def base(self) -> str:
        """Its address, as the start of a URL."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self.cut_connections()
