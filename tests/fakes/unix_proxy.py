"""A slow, cuttable link to a unix socket."""

import asyncio
import contextlib
import tempfile
import threading
from pathlib import Path
from typing import Self

CHUNK = 4096


class UnixProxy:
    """Passes connections on to a unix socket, each answer `delay` s late and at `bytes_per_second`.

    Remembers how many requests for a path were under way at once.
    """

    def __init__(self, target: str, *, delay: float = 0.0, bytes_per_second: float = 0.0) -> None:
        self._target = target
        self._delay = delay
        self._rate = bytes_per_second
        self._folder = tempfile.TemporaryDirectory(prefix="lettaops-proxy-")
        self.path = Path(self._folder.name) / "engine.sock"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._under_way: dict[str, int] = {}
        self._most: dict[str, int] = {}
        self._count: dict[str, int] = {}

    @property
    def host(self) -> str:
        """The address for `--host`."""
        return f"unix://{self.path}"

    def most_at_once(self, path: str) -> int:
        """The largest number of requests for a path (without version and query) under way at one time."""
        return self._most.get(path, 0)

    def count(self, path: str) -> int:
        """How many requests for a path there were."""
        return self._count.get(path, 0)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self._folder.cleanup()

    async def _serve(self) -> None:
        self._server = await asyncio.start_unix_server(self._link, str(self.path))

    async def _stop(self) -> None:
        self._server.close()
        links = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked: list[str] = []
        with contextlib.suppress(OSError, asyncio.CancelledError):
            inner, outer = await asyncio.open_unix_connection(self._target)
            await asyncio.wait(
                [
                    asyncio.create_task(self._requests(reader, outer, asked)),
                    asyncio.create_task(self._answers(inner, writer, asked)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
            outer.close()
        self._finished(asked)
        writer.close()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: list[str]
    ) -> None:
        while data := await reader.read(CHUNK):
            words = data.split(b"\r\n", 1)[0].split(b" ")
            if len(words) == 3 and words[0] in {b"GET", b"POST"}:
                self._finished(asked)
                path = words[1].decode().partition("?")[0]
                path = path[path.index("/", 1) :] if path.startswith("/v1.") else path
                asked.append(path)
                self._count[path] = self._count.get(path, 0) + 1
                self._under_way[path] = self._under_way.get(path, 0) + 1
                self._most[path] = max(self._most.get(path, 0), self._under_way[path])
            writer.write(data)
            await writer.drain()

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: list[str]
    ) -> None:
        while data := await reader.read(CHUNK):
            await asyncio.sleep(self._delay + (len(data) / self._rate if self._rate else 0))
            writer.write(data)
            await writer.drain()

    def _finished(self, asked: list[str]) -> None:
        while asked:
            self._under_way[asked.pop()] -= 1
