"""A name server that knows no names.

Our networks have no way out. Without an answer each lookup of an outside name takes its
full time-out (10 s and more); with this one it fails at once, as on an offline machine
with a name server.
"""

from __future__ import annotations

import socket
import threading

NXDOMAIN = 3
HEADER_SIZE = 12
QUESTION_TAIL = 5  # the closing zero of the name, type and class
NAME_LIMIT = 255


def refusal(query: bytes) -> bytes | None:
    """The answer "no such name" to a DNS query; None for what is no query."""
    end = query.find(b"\0", HEADER_SIZE, HEADER_SIZE + NAME_LIMIT)
    if len(query) < HEADER_SIZE + QUESTION_TAIL or end < 0 or query[2] & 0x80:
        return None
    flags = bytes([0x80 | (query[2] & 0x01), 0x80 | NXDOMAIN])  # an answer; recursion as asked for
    counts = b"\0\1" + b"\0" * 6  # one question, nothing else
    return query[:2] + flags + counts + query[HEADER_SIZE : end + QUESTION_TAIL]


class DeadEndNames:
    """Answers on UDP port 53 of `address` from a thread, until close()."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((address, 53))
        except OSError:
            self._socket.close()
            raise
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="dead-end-names", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and free the port."""
        self._closed = True
        address = self._socket.getsockname()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", address)
        self._thread.join(timeout=5)
        self._socket.close()

    def _serve(self) -> None:
        while not self._closed:
            try:
                query, sender = self._socket.recvfrom(4096)
                answer = refusal(query)
                if answer:
                    self._socket.sendto(answer, sender)
            except OSError:
                continue  # a client that has gone away; the next one matters
