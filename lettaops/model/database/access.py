"""What our role may see and do in a database, and what stays hidden without the rest."""

import msgspec

from lettaops.model.document import Document
from lettaops.model.text import Safe, clean


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A privilege that we don't have: what is hidden, or can't be done, without it, and how to get it."""

    privilege: Safe
    hidden: Safe
    remedy: Safe


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The server that was reached and the role we entered as. `version`: its number, as 160014."""

    version: int
    words: Safe
    database: Safe
    role: Safe
    superuser: bool = False
    sees_all: bool = False
    signals_all: bool = False
    reads_tables: bool = True

    @property
    def major(self) -> int:
        """14 to 18."""
        return self.version // 10_000

    @property
    def missing(self) -> tuple[Missing, ...]:
        """The privileges that we would need and don't have."""
        found: list[Missing] = []
        if not (self.superuser or self.sees_all):
            found.append(
                Missing(
                    privilege=Safe("pg_monitor"),
                    hidden=Safe(
                        "what sessions of other roles do and where they come from, replicas, "
                        "and the size of databases that the role can't enter"
                    ),
                    remedy=clean(f"GRANT pg_monitor TO {identifier(self.role)}"),
                )
            )
        if not (self.superuser or self.signals_all):
            found.append(
                Missing(
                    privilege=Safe("pg_signal_backend"),
                    hidden=Safe("sessions of other roles can't be cancelled or terminated"),
                    remedy=clean(f"GRANT pg_signal_backend TO {identifier(self.role)}"),
                )
            )
        if not self.reads_tables:
            found.append(
                Missing(
                    privilege=Safe("SELECT on Letta's tables"),
                    hidden=Safe("agents, runs, tokens and the version of the schema"),
                    remedy=clean(f"GRANT pg_read_all_data TO {identifier(self.role)}"),
                )
            )
        return tuple(found)


def server_from(document: Document) -> Server:
    """What the answer of the server statement says."""
    return Server(
        version=document.integer("version") or 0,
        words=document.text("words"),
        database=document.text("database"),
        role=document.text("role"),
        superuser=document.flag("superuser"),
        sees_all=document.flag("sees_all"),
        signals_all=document.flag("signals_all"),
        reads_tables=document.flag("reads_tables"),
    )


def identifier(name: str) -> str:
    """A name as SQL takes it in any case: in double quotes, with those in it doubled."""
    return '"' + name.replace('"', '""').replace("\0", "") + '"'
