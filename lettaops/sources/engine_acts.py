"""Acts on containers, through docker-py: rare, so its cost doesn't matter; imported only then."""

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lettaops.model.errors import LettaopsError, Unproven
from lettaops.model.text import clean
from lettaops.sources.daemon_thread import in_daemon_thread
from lettaops.sources.engine.client import Engine
from lettaops.sources.engine.explain import api_error, connect_error
from lettaops.sources.target import EngineTarget, docker_py_kwargs

if TYPE_CHECKING:
    from docker import APIClient

DEADLINE_SECONDS: Final = 20.0
STOP_SECONDS: Final = 10  # what an engine gives a container to end by itself
_NOT_DONE: Final = "nothing was changed"
_NEVER_SENT: Final = (
    FileNotFoundError,
    ConnectionRefusedError,
    PermissionError,
    ssl.SSLCertVerificationError,
)


class EngineActs:
    """Start, stop, restart, kill, pause and unpause containers of one engine.

    `container_id` is the full id, so that an act can't hit another container that took over a
    name. Every method may raise `NotFound`, `Conflict` and `ApiError` (the engine says no),
    `Unreachable` and `Denied` (nothing was sent), and `Unproven`: the act was sent, and by the
    deadline the engine had not said whether it is done.
    """

    def __init__(self, target: EngineTarget, *, deadline: float = DEADLINE_SECONDS) -> None:
        """`deadline`: seconds for the engine to answer, on top of a container's time to stop."""
        self.target = target
        self.deadline = deadline

    async def start(self, container_id: str) -> None:
        """Start a container; nothing happens when it runs already."""
        await self._act("starting", container_id, lambda client: client.start(container_id))

    async def stop(self, container_id: str, timeout_s: int = STOP_SECONDS) -> None:
        """Stop a container; it is killed after `timeout_s` seconds. Nothing happens when it is stopped."""
        await self._act(
            "stopping", container_id, lambda client: client.stop(container_id, timeout=timeout_s), timeout_s
        )

    async def restart(self, container_id: str, timeout_s: int = STOP_SECONDS) -> None:
        """Stop a container, killing it after `timeout_s` seconds, and start it."""
        await self._act(
            "restarting",
            container_id,
            lambda client: client.restart(container_id, timeout=timeout_s),
            timeout_s,
        )

    async def kill(self, container_id: str, signal: str = "SIGKILL") -> None:
        """Send a signal to a container's first process."""
        await self._act("killing", container_id, lambda client: client.kill(container_id, signal=signal))

    async def pause(self, container_id: str) -> None:
        """Freeze all processes of a container."""
        await self._act("pausing", container_id, lambda client: client.pause(container_id))

    async def unpause(self, container_id: str) -> None:
        """Let a paused container go on."""
        await self._act("unpausing", container_id, lambda client: client.unpause(container_id))

    async def _act(
        self, doing: str, container_id: str, act: Callable[["APIClient"], object], extra_seconds: float = 0
    ) -> None:
        what = f"{doing} {container_id[:12]}"
        version = await self._version()
        seconds = self.deadline + extra_seconds
        try:
            async with asyncio.timeout(seconds):
                await in_daemon_thread(lambda: self._in_thread(what, version, seconds, act))
        except TimeoutError as error:
            raise _unproven(what, f"the engine did not answer within {seconds:g} s") from error

    async def _version(self) -> str:
        """The API version to speak. An error so far means that nothing was sent."""
        try:
            async with Engine(self.target, timeout=self.deadline) as engine:
                return (await engine.negotiate()).api
        except LettaopsError as error:
            error.not_done = error.not_done or clean(_NOT_DONE)
            raise

    def _in_thread(
        self, what: str, version: str, seconds: float, act: Callable[["APIClient"], object]
    ) -> None:
        from docker import APIClient

        # The client's own timeout is for the silence between two reads, ours for the whole act.
        client = APIClient(version=version, timeout=int(seconds) + 1, **docker_py_kwargs(self.target))
        # Proxies and certificate bundles that the environment names for web pages are not for engines.
        client.trust_env = False
        try:
            act(client)
        except Exception as error:
            raise _explained(self.target, what, error) from error
        finally:
            client.close()


def _explained(target: EngineTarget, what: str, error: Exception) -> LettaopsError:
    from docker.errors import APIError

    if isinstance(error, LettaopsError):
        return error
    if isinstance(error, APIError):
        status = error.status_code or 500
        return api_error(status, str(error.explanation or error), what, not_done=_NOT_DONE)
    cause = _root_cause(error)
    if isinstance(cause, _NEVER_SENT):
        failure = connect_error(target, cause)
        failure.not_done = clean(_NOT_DONE)
        return failure
    return _unproven(what, f"the connection was cut: {cause}")


def _unproven(what: str, why: str) -> Unproven:
    return Unproven(
        f"{what}: {why}",
        not_done="the request was sent; whether it took effect could not be seen",
        next_step="look at the state of the container before trying again",
    )


def _root_cause(error: BaseException) -> BaseException:
    """The innermost exception: requests and urllib3 wrap theirs, partly in `args` only."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = [arg for arg in error.args if isinstance(arg, BaseException)]
        reason = getattr(error, "reason", None)
        if isinstance(reason, BaseException):
            inner.append(reason)
        following = inner[-1] if inner else error.__cause__ or error.__context__
        if following is None:
            break
        error = following
    return error
