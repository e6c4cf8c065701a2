"""Acts on the sandbox's own engine, from the process that runs the sandbox."""

from pathlib import Path
from typing import Any, Final, Self

from lettaops.model.errors import LettaopsError
from lettaops.sandbox.web import httpx

SECONDS: Final = 20.0


class EngineClient:
    """A few calls of the Engine API. Each raises `LettaopsError` when it isn't carried out."""

    def __init__(self, socket: Path) -> None:
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket), verify=False),
            base_url="http://sandbox",
            timeout=SECONDS,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def start(self, name: str) -> None:
        """Start a container."""
        await self._call("POST", f"/containers/{name}/start")

    async def stop(self, name: str) -> None:
        """Stop a container, and wait until it has."""
        await self._call("POST", f"/containers/{name}/stop")

    async def restart(self, name: str) -> None:
        """Stop and start a container."""
        await self._call("POST", f"/containers/{name}/restart")

    async def signal(self, name: str, signal: str) -> None:
        """Send its process a signal."""
        await self._call("POST", f"/containers/{name}/kill", signal=signal)

    async def state(self, name: str) -> dict[str, Any]:
        """`State` of its inspect document."""
        document = (await self._call("GET", f"/containers/{name}/json")).json()
        return dict(document["State"])

    async def last_lines(self, name: str, count: int) -> list[str]:
        """The last lines of its log."""
        content = (
            await self._call("GET", f"/containers/{name}/logs", stdout=1, stderr=1, tail=count)
        ).content
        lines = []
        while len(content) > 8:  # a frame: stream, three zeros, length in four bytes, a line or part of one
            length = int.from_bytes(content[4:8], "big")
            lines.append(content[8 : 8 + length].decode("utf-8", "replace").rstrip())
            content = content[8 + length :]
        return lines

    async def _call(self, method: str, path: str, **parameters: Any) -> httpx.Response:
        try:
            answer = await self._client.request(method, path, params=parameters)
        except httpx.HTTPError as error:
            raise LettaopsError(f"the sandbox's engine did not answer {method} {path}: {error!r}") from error
        if answer.status_code >= 400:
            raise LettaopsError(f"the sandbox's engine refused {method} {path}: {answer.text[:200]}")
        return answer
