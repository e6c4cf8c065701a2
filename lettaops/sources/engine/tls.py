"""The client's side of TLS, bytes in and bytes out.

asyncio's own TLS can't end one direction of a connection, which is how a command's standard
input ends.
"""

import ssl
from contextlib import suppress
from typing import Final

from lettaops.model.errors import Denied
from lettaops.sources.target import TlsFiles

_READ_BYTES: Final = 256 * 1024


class TlsSession:
    """One TLS connection. After each call `outgoing()` may have bytes for the socket.

    `established`: the handshake is over, application data can be written.
    `ended`: the peer said that it sends no more.
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.established = False
        self.ended = False

    def outgoing(self) -> bytes:
        """Bytes for the socket; b"" for none."""
        return self._outgoing.read()

    def feed(self, data: bytes) -> bytes:
        """The application data in bytes of the socket. Raises `ssl.SSLError`."""
        self._incoming.write(data)
        if not self.established:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                return b""
            self.established = True
        parts: list[bytes] = []
        try:
            while part := self._object.read(_READ_BYTES):
                parts.append(part)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join(parts)

    def encrypt(self, data: bytes) -> None:
        """Take application data; all of it is then in `outgoing()`."""
        view = memoryview(data)
        while view:
            view = view[self._object.write(view) :]

    def end_writing(self) -> None:
        """Say that no more comes from us; reading goes on."""
        with suppress(ssl.SSLWantReadError):  # the peer's own end is still to come, as it should be
            self._object.unwrap()


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """A context from the files of a target. Raises `Denied` when they can't be used."""
    try:
        context = ssl.create_default_context(cafile=files.ca or None)
        if not files.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if files.cert:
            context.load_cert_chain(files.cert, files.key)
    except (OSError, ssl.SSLError) as error:
        raise Denied(
            f"the TLS files can't be used: {error} ({', '.join(filter(None, (files.ca, files.cert)))})",
            next_step="check that ca.pem, cert.pem and key.pem of this engine exist and can be read",
        ) from error
    return context
