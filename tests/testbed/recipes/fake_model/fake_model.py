"""An OpenAI-compatible model server that makes its answers up: models, chat, embeddings.

Runs in a container on the stack's network, standard library only. FAKE_MODEL_DELAY is the
pause in seconds before each word. `POST /control {"delay": 2, "status": 500, "words": 50}`
changes the pause, the HTTP status of later calls and the length of the answers while it runs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT = 9000
CHAT_MODEL = "gpt-4o-mini"
EMBEDDING_MODEL = "text-embedding-3-small"
EMBEDDING_SIZE = 1536

settings: dict[str, float] = {
    "delay": float(os.environ.get("FAKE_MODEL_DELAY", "0.05")),
    "status": 200,
    "words": 12,
}


def answer() -> list[str]:
    return [f"word{number} " for number in range(int(settings["words"]))]


def usage() -> dict[str, int]:
    count = int(settings["words"])
    return {"prompt_tokens": 10, "completion_tokens": count, "total_tokens": 10 + count}


def models() -> dict[str, Any]:
    names = (CHAT_MODEL, EMBEDDING_MODEL)
    entries = [{"id": name, "object": "model", "created": 1, "owned_by": "fake"} for name in names]
    return {"object": "list", "data": entries}


def embeddings(request: dict[str, Any]) -> dict[str, Any]:
    texts = request.get("input", "")
    count = 1 if isinstance(texts, str) else len(texts)
    vector = [0.01] * int(request.get("dimensions") or EMBEDDING_SIZE)
    return {
        "object": "list",
        "model": request.get("model"),
        "data": [{"object": "embedding", "index": i, "embedding": vector} for i in range(count)],
        "usage": {"prompt_tokens": count, "total_tokens": count},
    }


def completion(request: dict[str, Any]) -> dict[str, Any]:
    words = answer()
    time.sleep(settings["delay"] * len(words))
    message = {"role": "assistant", "content": "".join(words)}
    return {
        "id": "fake-completion",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage(),
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._json(models())

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        request: dict[str, Any] = json.loads(self.rfile.read(length) or b"{}")
        if self.path == "/control":
            settings.update({key: float(request[key]) for key in settings if key in request})
            self._json(settings)
            return
        print(self.path, request.get("model"), "stream" if request.get("stream") else "", flush=True)
        if settings["status"] != 200:
            self._json({"error": {"message": "told to fail", "type": "fake"}}, int(settings["status"]))
        elif self.path.endswith("/embeddings"):
            self._json(embeddings(request))
        elif request.get("stream"):
            self._stream(request)
        else:
            self._json(completion(request))

    def _json(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, request: dict[str, Any]) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self._chunk(request, {"role": "assistant", "content": ""})
        for word in answer():
            time.sleep(settings["delay"])
            self._chunk(request, {"content": word})
        self._chunk(request, {}, finish="stop")
        self._event(json.dumps(self._frame(request, []) | {"usage": usage()}))
        self._event("[DONE]")

    def _chunk(self, request: dict[str, Any], delta: dict[str, str], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        self._event(json.dumps(self._frame(request, [choice])))

    def _frame(self, request: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": "fake-completion",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": request.get("model"),
            "choices": choices,
        }

    def _event(self, text: str) -> None:
        self.wfile.write(b"data: " + text.encode() + b"\n\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """One line per request is printed by do_POST already."""


if __name__ == "__main__":
    # As process 1 of a container it would ignore SIGTERM otherwise.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()
