"""Lists of the API: filters, cursor and order, as SQL on one table."""

from typing import Any

from starlette.requests import Request

from lettaops.sandbox.letta.database import Connection

MAX_LIMIT = 1000


class Listing:
    """A SELECT that is put together from a request's parameters."""

    def __init__(self, table: str, columns: str, *, limit: int) -> None:
        self._table = table
        self._columns = columns
        self._limit = limit
        self._conditions = ["NOT is_deleted"]
        self._values: list[object] = []

    def where(self, condition: str, value: object) -> None:
        """A condition with `{}` for its value; left out for None."""
        if value is not None:
            self._values.append(value)
            self._conditions.append(condition.format(f"${len(self._values)}"))

    async def fetch(self, connection: Connection, request: Request) -> list[Any]:
        """The rows, by `limit`, `order`, `after` and `before`. Raises `ValueError` for a wrong limit."""
        parameters = request.query_params
        descending = parameters.get("order", "desc") != "asc"
        for name, beyond in (("after", "<" if descending else ">"), ("before", ">" if descending else "<")):
            cursor = f"(SELECT created_at, id FROM {self._table} WHERE id = {{}})"  # noqa: S608 - all ours
            self.where(f"(created_at, id) {beyond} {cursor}", parameters.get(name))
        limit = min(int(parameters.get("limit", self._limit)), MAX_LIMIT)
        direction = "DESC" if descending else "ASC"
        return await connection.fetch(
            f"SELECT {self._columns} FROM {self._table} WHERE {' AND '.join(self._conditions)}"  # noqa: S608 - all ours
            f" ORDER BY created_at {direction}, id {direction} LIMIT {limit}",
            *self._values,
        )


def truth(text: str | None) -> bool | None:
    """A parameter that says yes or no; None when it isn't there."""
    return None if text is None else text.lower() in {"true", "1", "yes", "on"}
