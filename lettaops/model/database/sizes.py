"""The tables of the database: how big, how many rows, how fast they grow, whether they are looked after."""

from collections.abc import Mapping
from typing import Final

import msgspec

from lettaops.model.database.sessions import NAME_LIMIT
from lettaops.model.document import Document
from lettaops.model.text import Safe, clean
from lettaops.model.units import duration, size

# Letta's tables that grow with use, or tell how much there is.
LETTA_TABLES: Final = (
    "agents",
    "messages",
    "archival_passages",
    "source_passages",
    "steps",
    "runs",
    "jobs",
    "provider_traces",
    "step_metrics",
    "run_metrics",
    "conversations",
    "conversation_messages",
    "block",
    "block_history",
    "files",
    "file_contents",
    "providers",
    "provider_models",
    "mcp_server",
    "llm_batch_job",
)
TRACES: Final = "provider_traces"
TRACES_BYTES: Final = 1024**3  # from here on worth a word, whatever else is there
TRACES_SHARE: Final = 0.3  # of the whole database, once they are of any size
TRACES_LEAST: Final = 256 * 1024**2
SECONDS_A_DAY: Final = 86_400
SHORTEST_GROWTH: Final = 60  # seconds between two looks that a growth a day may be reckoned from


class Vacuuming(msgspec.Struct, frozen=True, kw_only=True):
    """When autovacuum takes a table up: threshold + scale × rows, at most `cap` (from PostgreSQL 18 on)."""

    on: bool = True
    threshold: int = 50
    scale: float = 0.2
    cap: int | None = None

    def due(self, rows: int) -> int:
        """Dead rows from which a table with so many rows is due."""
        wanted = self.threshold + int(self.scale * rows)
        return wanted if self.cap is None or self.cap < 0 else min(self.cap, wanted)


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table. Sizes in bytes: `total` with indexes and TOAST. `rows`: Postgres' estimate, None: none yet.

    `vacuumed_s`, `analyzed_s`: seconds since, by hand or by itself; None: never. `own_settings`: it has
    autovacuum settings of its own, so that the general ones don't tell when it is due. `off`: they switch it
    off.
    """

    schema: Safe
    name: Safe
    total: int
    heap: int
    indexes: int
    rows: int | None = None
    dead: int | None = None
    vacuumed_s: float | None = None
    analyzed_s: float | None = None
    own_settings: bool = False
    off: bool = False

    @property
    def matters(self) -> bool:
        """Whether it is one that Letta fills."""
        return self.name in LETTA_TABLES


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A vacuum at work. `share`: of the table's blocks that it has looked through, 0 to 1."""

    pid: int
    table: Safe
    phase: Safe
    share: float | None = None


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """The database's size and its tables, the biggest first. `more`: further tables that aren't listed."""

    database: int | None
    tables: tuple[Table, ...] = ()
    more: int = 0
    vacuuming: Vacuuming = Vacuuming()
    running: tuple[Running, ...] = ()

    def table(self, name: str) -> Table | None:
        """The table of this name; with several, the biggest."""
        return next((each for each in self.tables if each.name == name), None)

    @property
    def overdue(self) -> tuple[Table, ...]:
        """Tables with more dead rows than autovacuum waits for. None of those with settings of their own."""
        return tuple(
            each
            for each in self.tables
            if each.dead is not None
            and each.rows is not None
            and not each.own_settings
            and each.dead > self.vacuuming.due(each.rows)
        )

    @property
    def by_name(self) -> dict[str, int]:
        """Total sizes by `schema.name`, to hold the next look against."""
        return {f"{each.schema}.{each.name}": each.total for each in self.tables}


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """What a table gained in `seconds`, in bytes; negative after it was cut down."""

    seconds: float
    bytes: int

    @property
    def bytes_a_day(self) -> float | None:
        """At this pace; None after too short a time."""
        return self.bytes / self.seconds * SECONDS_A_DAY if self.seconds >= SHORTEST_GROWTH else None


def sizes_from(document: Document) -> Sizes:
    """The sizes in the answer of their statement."""
    settings = document.sub("vacuuming")
    tables = sorted((_table(each) for each in document.subs("tables")), key=lambda each: -each.total)
    threshold, scale = settings.integer("threshold"), settings.number("scale")
    return Sizes(
        database=document.integer("database"),
        tables=tuple(tables),
        more=max(0, (document.integer("count") or 0) - len(tables)),
        vacuuming=Vacuuming(
            on=settings.flag("on"),
            threshold=50 if threshold is None else threshold,
            scale=0.2 if scale is None else scale,
            cap=settings.integer("cap"),
        ),
        running=tuple(_running(each) for each in document.subs("running")),
    )


def growth(before: Mapping[str, int] | None, now: Sizes, seconds: float) -> dict[str, Growth]:
    """What each table gained since an earlier look, by `schema.name`; one that wasn't there is left out."""
    if before is None or seconds <= 0:
        return {}
    return {
        name: Growth(seconds=seconds, bytes=total - before[name])
        for name, total in now.by_name.items()
        if name in before
    }


def traces_alarm(sizes: Sizes, grown: Mapping[str, Growth]) -> Safe:
    """Words about `provider_traces` when it has become big; empty while it is small.

    Letta writes every request to a model into it, whole, and never takes any out.
    """
    table = sizes.table(TRACES)
    if table is None:
        return Safe()
    share = table.total / sizes.database if sizes.database else 0.0
    if table.total < TRACES_BYTES and (table.total < TRACES_LEAST or share < TRACES_SHARE):
        return Safe()
    said = f"{TRACES} holds {size(table.total)}"
    if share:
        said += f", {share:.0%} of the database"
    gained = grown.get(f"{table.schema}.{table.name}")
    if gained is not None and gained.bytes > 0 and (a_day := gained.bytes_a_day) is not None:
        said += f", and grew by {size(gained.bytes)} in {duration(gained.seconds)} ({size(a_day)} a day)"
    return clean(
        f"{said}: every request to a model is kept in it whole, for ever. "
        "LETTA_TELEMETRY_PROVIDER_TRACE_PG_METADATA_ONLY=true or LETTA_TRACK_PROVIDER_TRACE=false stops "
        "that; what is there stays until it is deleted"
    )


def _table(row: Document) -> Table:
    rows = row.integer("rows")
    options = [each.partition("=") for each in row.texts("options")]
    own = [(name, value) for name, _, value in options if name.startswith("autovacuum")]
    return Table(
        schema=clean(row.text("schema"), NAME_LIMIT),
        name=clean(row.text("name"), NAME_LIMIT),
        total=row.integer("total") or 0,
        heap=row.integer("heap") or 0,
        indexes=row.integer("indexes") or 0,
        rows=rows if rows is not None and rows >= 0 else None,  # -1: never analysed
        dead=row.integer("dead"),
        vacuumed_s=row.number("vacuumed_s"),
        analyzed_s=row.number("analyzed_s"),
        own_settings=bool(own),
        off=any(name == "autovacuum_enabled" and value in {"false", "off", "no", "0"} for name, value in own),
    )


def _running(row: Document) -> Running:
    total, done = row.integer("blocks"), row.integer("scanned")
    return Running(
        pid=row.integer("pid") or 0,
        table=clean(row.text("table"), 2 * NAME_LIMIT),
        phase=row.text("phase"),
        share=min(1.0, done / total) if total and done is not None else None,
    )
