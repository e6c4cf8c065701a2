"""The four kinds of lines that come out of a Letta server's container, and its JSON lines."""

import logging
import sys
from datetime import UTC, datetime

import msgspec

from lettaops.sandbox.letta.settings import Settings

_APP = "Letta.letta.server.rest_api.app"


def configure(settings: Settings) -> None:
    """Letta's loggers write `name - LEVEL - message` to stdout, or one JSON object a line."""
    handler = logging.StreamHandler(sys.stdout)
    plain = logging.Formatter("%(name)s - %(levelname)s - %(message)s")
    handler.setFormatter(_JsonLines() if settings.json_logs else plain)
    root = logging.getLogger("Letta")
    root.handlers = [handler]
    root.propagate = False
    root.setLevel(logging.DEBUG if settings.debug else logging.INFO)


def letta_logger(module: str) -> logging.Logger:
    """The logger of one of Letta's modules, by its dotted name."""
    return logging.getLogger(f"Letta.letta.{module}")


APP = logging.getLogger(_APP)


def say(line: str) -> None:
    """A plain line, as the start script prints them."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "module": record.module,
            "function": record.funcName,
            "line": record.lineno,
        }
        if record.exc_info and record.exc_info[1] is not None:
            entry["exception"] = {
                "type": type(record.exc_info[1]).__name__,
                "message": str(record.exc_info[1]),
                "stacktrace": self.formatException(record.exc_info),
            }
        return msgspec.json.encode(entry).decode()
