"""pgvector: its version, the columns that hold vectors and the indexes over them."""

from typing import Final

import msgspec

from lettaops.model.database.sessions import NAME_LIMIT
from lettaops.model.document import Document
from lettaops.model.text import Safe, clean

# Dimensions that an hnsw or ivfflat index takes at most, by type (pgvector's documentation); of bits 64,000.
MOST_INDEXED: Final = {"vector": 2000, "halfvec": 4000}
MANY_ROWS: Final = 10_000  # from here on a search without an index is felt


class VectorIndex(msgspec.Struct, frozen=True, kw_only=True):
    """An index over a vector column. `valid` False: it was left unfinished, and isn't used."""

    name: Safe
    method: Safe
    bytes: int | None
    valid: bool


class VectorColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column of vectors. `dimensions` None: any number. `rows`: Postgres' estimate of the table's."""

    schema: Safe
    table: Safe
    column: Safe
    type: Safe
    dimensions: int | None
    rows: int | None
    indexes: tuple[VectorIndex, ...] = ()

    @property
    def indexed(self) -> bool:
        """Whether a search can use an index."""
        return any(each.valid for each in self.indexes)

    @property
    def indexable(self) -> bool:
        """Whether pgvector could index the column as it is."""
        most = MOST_INDEXED.get(self.type)
        return most is None or (self.dimensions is not None and self.dimensions <= most)

    @property
    def words(self) -> Safe:
        """What having no index means for it; empty when it has one."""
        if self.indexed:
            return Safe()
        rows = f"all {self.rows:,} rows" if self.rows else "all rows"
        said = f"{self.table}.{self.column} has no index: each search reads {rows}"
        if not self.indexable:
            many = (
                f"{self.dimensions} dimensions" if self.dimensions is not None else "any number of dimensions"
            )
            said += f"; with {many} it can't have one (pgvector indexes up to {MOST_INDEXED[self.type]})"
        return clean(said)


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """pgvector in this database. `version` empty: it isn't there. `available`: what could be had."""

    version: Safe = Safe()
    available: Safe = Safe()
    columns: tuple[VectorColumn, ...] = ()

    @property
    def unindexed(self) -> tuple[VectorColumn, ...]:
        """Columns that each search has to read whole."""
        return tuple(each for each in self.columns if not each.indexed)


def vectors_from(document: Document) -> Vectors:
    """What the answer of the vectors statement says."""
    return Vectors(
        version=clean(document.text("version"), NAME_LIMIT),
        available=clean(document.text("available"), NAME_LIMIT),
        columns=tuple(_column(each) for each in document.subs("columns")),
    )


def _column(row: Document) -> VectorColumn:
    dimensions, rows = row.integer("dimensions"), row.integer("rows")
    return VectorColumn(
        schema=clean(row.text("schema"), NAME_LIMIT),
        table=clean(row.text("table"), NAME_LIMIT),
        column=clean(row.text("column"), NAME_LIMIT),
        type=row.text("type"),
        dimensions=dimensions if dimensions is not None and dimensions > 0 else None,
        rows=rows if rows is not None and rows >= 0 else None,
        indexes=tuple(
            VectorIndex(
                name=clean(each.text("name"), NAME_LIMIT),
                method=each.text("method"),
                bytes=each.integer("bytes"),
                valid=each.flag("valid"),
            )
            for each in row.subs("indexes")
        ),
    )
