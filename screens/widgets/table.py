"""A table that repaints only the rows that changed."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType

from lettaops.model.signs import CURSOR, Tone
from lettaops.model.text import Safe

from .arrange import Filter, Order, arrange, parse_filter
from .base import FromView, Line, Piece
from .columns import GUTTER, Column, Grid, Row
from .glyphs import EMPTY
from .motion import LineList

WHEEL_LINES: Final = 3
MARK: Final = "✓"
HEAD: Final = 1  # the row with the titles


class Table(LineList):
    """Rows under fixed columns, with a cursor, marks, sorting and a filter.

    Everything is kept by row key: cursor and marks stay on their rows whatever `set_rows`
    brings. Marks are those of all rows, also of rows the filter hides; a mark ends with its row.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "toggle_mark", "Mark", show=False, id="table.mark"),
        Binding(">", "sort_next(1)", "Sort by the next column", show=False, id="table.sort-next"),
        Binding("<", "sort_next(-1)", "Sort by the previous column", show=False, id="table.sort-previous"),
        Binding("I", "sort_invert", "Invert the order", show=False, id="table.sort-invert"),
    ]

    class Selected(FromView):
        """The cursor is on another row; `key` is None when there is no row left."""

        def __init__(self, table: "Table", key: str | None) -> None:
            super().__init__(table)
            self.key = key

    class Activated(FromView):
        """A row was opened with enter or a double click."""

        def __init__(self, table: "Table", key: str) -> None:
            super().__init__(table)
            self.key = key

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        empty: Safe = EMPTY,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._grid = Grid(columns, self.glyphs)
        self._empty = empty
        self._rows: tuple[Row, ...] = ()
        self._shown: list[Row] = []
        self._places: dict[str, int] = {}
        self._cursor: str | None = None
        self._marks: frozenset[str] = frozenset()
        self._order: Order | None = None
        self._filter: Filter | None = None
        self._stale = False

    # What others see

    @property
    def cursor_key(self) -> str | None:
        """Key of the row at the cursor."""
        return self._cursor

    @property
    def marks(self) -> frozenset[str]:
        """Keys of the marked rows."""
        return self._marks

    @property
    def order(self) -> Order | None:
        """What the rows are sorted by; None is the order they came in."""
        return self._order

    @property
    def shown_keys(self) -> list[str]:
        """Keys of the rows that pass the filter, in order; without spanning rows."""
        return [row.key for row in self._shown if not row.spans]

    # What others set

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Takes the rows as they are now. Keys must be unique."""
        rows = tuple(rows)
        if rows == self._rows:
            return
        keys = {row.key for row in rows}
        if len(keys) != len(rows):
            raise ValueError("rows of a table have unique keys")
        self._rows = rows
        if not self._marks <= keys:
            self._set_marks(self._marks & keys)
        self._arrange()

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Other columns for the same rows; the order stays while its column does."""
        if tuple(columns) == self._grid.columns:
            return
        self._grid = Grid(columns, self.glyphs)
        if self._order and self._order.column not in {column.key for column in columns}:
            self._order = None
        self._arrange()

    def set_stale(self, stale: bool) -> None:
        """Greys everything: the rows are old."""
        if stale != self._stale:
            self._stale = stale
            self.repaint_changed()

    def set_empty(self, text: Safe) -> None:
        """What is shown instead of rows."""
        if text != self._empty:
            self._empty = text
            self.repaint_changed()

    def set_filter(self, text: Safe) -> Safe | None:
        """Shows only rows with this text, or `/pattern/`, in a cell.

        None, or why it can't be a filter; the one before it then stays in force.
        """
        found = parse_filter(text)
        if isinstance(found, Safe):
            return found
        self._filter = found
        self._arrange()
        return None

    def sort_by(self, column: str | None, *, descending: bool = False) -> None:
        """Sorts by a column that can be sorted by; None for the order the rows came in."""
        if column is not None and column not in self._sortable():
            raise ValueError(f"no sortable column {column}")
        self._order = Order(column, descending) if column is not None else None
        self._arrange()

    def clear_marks(self) -> None:
        """No row is marked."""
        self._set_marks(frozenset())

    # Keys and mouse

    def select(self, key: str) -> None:
        """Puts the cursor on the row with this key, if it is shown."""
        if key in self._places:
            self._put_cursor(self._places[key])

    def move(self, by: int) -> None:
        """Moves the cursor, over rows that span."""
        step = 1 if by > 0 else -1
        at = found = self._place()
        for _ in range(abs(by)):
            at += step
            while 0 <= at < len(self._shown) and self._shown[at].spans:
                at += step
            if not 0 <= at < len(self._shown):
                break
            found = at
        self._put_cursor(found)

    def move_to_edge(self, direction: int) -> None:
        """To the first or last row; headings above the first come into view."""
        self.move(direction * len(self._shown))
        self.scroll_to_line(0 if direction < 0 else len(self._shown))

    @property
    def page(self) -> int:
        """Rows of a page."""
        return max(1, self.size.height - HEAD - 1)

    def activate(self) -> None:
        """Tells that the row at the cursor is opened."""
        if self._cursor is not None:
            self.post_message(self.Activated(self, self._cursor))

    def wheel(self, direction: int) -> None:
        """Scrolls and takes the cursor along; where there is nothing to scroll, moves the cursor."""
        if not self.max_scroll_y:
            self.move(direction)
            return
        self.scroll_to_line(self.scroll_offset.y + direction * WHEEL_LINES)
        first, last = self.visible_texts()
        at = min(max(self._place(), first), last)
        if at != self._place():
            self._put_cursor(self._selectable_near(at))

    def clicked(self, x: int, y: int, event: events.Click) -> None:
        """A header sorts; a row takes the cursor, with ctrl its mark changes, a double click opens it."""
        if y < HEAD:
            self._sort_click(self._grid.column_at(x))
            return
        at = self.scroll_offset.y + y - HEAD
        if at >= len(self._shown) or self._shown[at].spans:
            return
        self._put_cursor(at)
        if event.ctrl:
            self._toggle(self._shown[at].key)
        elif event.chain == 2:
            self.activate()

    def action_toggle_mark(self) -> None:
        """Marks or unmarks the row at the cursor and goes on to the next."""
        if self._cursor is not None:
            self._toggle(self._cursor)
            self.move(1)

    def action_sort_next(self, direction: int) -> None:
        """Goes through the columns that can be sorted by, and the order the rows came in."""
        choices = [None, *self._sortable()]
        at = choices.index(self._order.column if self._order else None)
        column = choices[(at + direction) % len(choices)]
        self.sort_by(column, descending=column is not None and self._sortable()[column].descending)

    def action_sort_invert(self) -> None:
        """Sorts the other way round."""
        if self._order:
            self.sort_by(self._order.column, descending=not self._order.descending)

    # Lines

    def line(self, y: int) -> Line:
        """A screen row: the header, a row, the text for no rows, or nothing."""
        at = self.scroll_offset.y + y - HEAD
        self._grid.fit(self.room)
        if y < HEAD:
            order = self._order or Order("")
            return Line(self._grid.header(order.column, order.descending), "header", y=at + 1)
        if at >= len(self._shown):
            if self._shown or y != HEAD:
                return Line((), y=at)
            return Line((Piece(" " * GUTTER + self.glyphs(self._empty), Tone.MUTED.value),), y=at)
        row = self._shown[at]
        cursor = row.key == self._cursor
        look = "cursor" if cursor and self.has_focus else "cursor-blurred" if cursor else ""
        if self._stale and look != "cursor":
            look = "stale"
        pieces = self._grid.pieces(row)
        if cursor or row.key in self._marks:
            mark = self.glyphs(MARK if row.key in self._marks else CURSOR)
            pieces = (Piece(mark, "mark"), Piece(pieces[0].text[GUTTER:], pieces[0].look), *pieces[1:])
        return Line(pieces, look, y=at)

    def texts(self, first: int, last: int) -> Iterable[tuple[int, str]]:
        """The shown rows as they are drawn, without spaces at the end."""
        self._grid.fit(self.room)
        for at in range(max(0, first), min(last + 1, len(self._shown))):
            yield at, "".join(piece.text for piece in self._grid.pieces(self._shown[at])).rstrip()

    def visible_texts(self) -> tuple[int, int]:
        """The rows in the window."""
        top = self.scroll_offset.y
        return top, min(len(self._shown), top + self.size.height - HEAD) - 1

    def item_text(self) -> Safe:
        """The marked rows, or the one at the cursor, all columns, separated by tabs."""
        rows = [row for row in self._shown if row.key in self._marks and not row.spans]
        if not rows and self._cursor in self._places:
            rows = [self._shown[self._places[self._cursor]]]
        return Safe("\n".join("\t".join(row.text(at) for at in range(len(row.cells))) for row in rows))

    def on_resize(self) -> None:
        """Another width, another layout; the cursor stays in view."""
        super().on_resize()
        if self._places:
            self._reveal(self._place())

    def notify_style_update(self) -> None:
        """Glyphs may have changed too."""
        super().notify_style_update()
        self._grid.forget()

    # Inside

    def _arrange(self) -> None:
        before, place, cursor = self._shown, self._place(), self._cursor
        self._shown = arrange(self._rows, self._grid.columns, self._filter, self._order)
        self._places = {row.key: at for at, row in enumerate(self._shown)}
        if cursor is None or cursor not in self._places:
            self._cursor = self._heir(before, place)
        self.resize_content(len(self._shown) + HEAD)
        if cursor != self._cursor:
            self._reveal(self._place())
            self.post_message(self.Selected(self, self._cursor))
        self.repaint_changed()

    def _heir(self, before: Sequence[Row], place: int) -> str | None:
        """The row that takes the cursor when its own is gone: the next one still shown, or the one above."""
        for row in (*before[place:], *reversed(before[:place])):
            if not row.spans and row.key in self._places:
                return row.key
        at = self._selectable_near(place)
        return self._shown[at].key if at < len(self._shown) else None

    def _place(self) -> int:
        return self._places.get(self._cursor, 0) if self._cursor is not None else 0

    def _selectable_near(self, at: int) -> int:
        """The nearest row that takes the cursor, first downwards; the number of rows when none does."""
        count = len(self._shown)
        at = min(at, count - 1)
        for place in chain(range(max(0, at), count), range(at - 1, -1, -1)):
            if not self._shown[place].spans:
                return place
        return count

    def _put_cursor(self, at: int) -> None:
        if at >= len(self._shown) or self._shown[at].spans:
            return
        key = self._shown[at].key
        self._reveal(at)
        if key != self._cursor:
            self._cursor = key
            self.post_message(self.Selected(self, key))
        self.repaint_changed()

    def _reveal(self, at: int) -> None:
        top = self.scroll_offset.y
        height = max(1, self.size.height - HEAD)
        if at < top:
            self.scroll_to_line(at)
        elif at >= top + height:
            self.scroll_to_line(at - height + 1)

    def _toggle(self, key: str) -> None:
        self._set_marks(self._marks ^ {key})

    def _set_marks(self, marks: frozenset[str]) -> None:
        if marks != self._marks:
            self._marks = marks
            self.repaint_changed()

    def _sortable(self) -> dict[str, Column]:
        return {column.key: column for column in self._grid.columns if column.sort_key}

    def _sort_click(self, column: Column | None) -> None:
        if column is None or column.sort_key is None:
            return
        if self._order is None or self._order.column != column.key:
            self.sort_by(column.key, descending=column.descending)
        elif self._order.descending == column.descending:
            self.sort_by(column.key, descending=not column.descending)
        else:
            self.sort_by(None)
