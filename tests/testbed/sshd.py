"""A private sshd on the loopback: an operator's way in, with a key and a configuration of its own."""

from __future__ import annotations

import getpass
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from .background import Background, Scoped
from .common import free_ports


class PrivateSshd(Scoped):
    """sshd on a free port of 127.0.0.1 for the present account. A context manager.

    Nothing of the machine's own sshd is read or changed.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lettaops-sshd-"))
        (self.port,) = free_ports(1)
        self._process = Background("sshd", self.folder / "log", self._answers)

    def start(self) -> None:
        """Make the keys and the configuration, run it, and wait until it answers."""
        program = shutil.which("sshd") or "/usr/sbin/sshd"
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd drops its privileges
        for name in ("host", "client"):
            key = str(self.folder / name)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        authorized = self.folder / "authorized_keys"
        authorized.write_bytes((self.folder / "client.pub").read_bytes())
        configuration = self.folder / "sshd_config"
        configuration.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder / 'host'}\n"
            f"AuthorizedKeysFile {authorized}\nPidFile none\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nPermitRootLogin prohibit-password\nPermitUserEnvironment no\n"
        )
        self._process.start([program, "-D", "-e", "-f", str(configuration)], 15)

    def command(self, remote: str) -> list[str]:
        """The ssh command that runs `remote` on a terminal."""
        return [
            *("ssh", "-tt", "-q", "-p", str(self.port), "-i", str(self.folder / "client"), "-F", "none"),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
            *("-o", "IdentitiesOnly=yes", f"{getpass.getuser()}@127.0.0.1", remote),
        ]

    def close(self) -> None:
        """End this sshd; sessions that hang on it end with their connections."""
        self._process.end(signal.SIGTERM, 10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            return connection.recv(16).startswith(b"SSH-")
