"""What the three widgets share: lines that repaint only when they changed, selection, mouse, copy.

A widget describes each of its screen rows as a `Line`, a plain value. The description is
what is compared before a repaint, what is cached as a strip, and what is drawn. So an update
that changes no text costs no byte, and one that changes a row costs that row.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from lettaops.model.cells import fitting, to_ascii
from lettaops.model.cells import width as cells_of
from lettaops.model.signs import Tone
from lettaops.model.text import Safe
from lettaops.terminal.guard import Guarded

from .glyphs import is_ascii
from .sgr import rich_style

STRIPS_KEPT: Final = 512
_EIGHTHS: Final = 8  # parts of a cell a scrollbar can draw
_WHOLE_ROW: Final = frozenset({"cursor", "header", "stale"})  # looks that leave no room for a tone


class Piece(NamedTuple):
    """Some characters of a line. `look` is a tone or a part's name; `over` is "", "hit" or "selected"."""

    text: str
    look: str = Tone.NORMAL.value
    over: str = ""


Drawn = tuple[tuple[Piece, ...], str]


class Line(NamedTuple):
    """One screen row: its pieces, the look of the row, and which content its first character is.

    `x` is a character's position in the content line `y`, as `texts` counts them.
    """

    pieces: tuple[Piece, ...]
    look: str = ""
    x: int = 0
    y: int = 0

    @property
    def drawn(self) -> Drawn:
        """What is seen of it: two lines that say the same look the same, wherever they come from."""
        return self.pieces, self.look

    @property
    def text(self) -> str:
        """What the row says."""
        return "".join(piece.text for piece in self.pieces)


def sliced(pieces: Iterable[Piece], start: int, end: int) -> tuple[Piece, ...]:
    """The characters from `start` to before `end`."""
    kept: list[Piece] = []
    at = 0
    for piece in pieces:
        text = piece.text[max(0, start - at) : max(0, end - at)]
        if text:
            kept.append(Piece(text, piece.look, piece.over))
        at += len(piece.text)
        if at >= end:
            break
    return tuple(kept)


def overlaid(pieces: tuple[Piece, ...], start: int, end: int, over: str) -> tuple[Piece, ...]:
    """The pieces with another `over` from character `start` to before `end`."""
    inside = [Piece(piece.text, piece.look, over) for piece in sliced(pieces, start, end)]
    length = sum(len(piece.text) for piece in pieces)
    return (*sliced(pieces, 0, start), *inside, *sliced(pieces, end, length))


def _bands(rows: Iterable[int], width: int) -> list[Region]:
    """Rows that follow each other become one region."""
    regions: list[Region] = []
    for y in rows:
        if regions and regions[-1].bottom == y:
            regions[-1] = Region(0, regions[-1].y, width, regions[-1].height + 1)
        else:
            regions.append(Region(0, y, width, 1))
    return regions


class FromView(Message):
    """A message of one of the three widgets; `@on` can select by the widget."""

    def __init__(self, view: "LineView") -> None:
        super().__init__()
        self.view = view

    @property
    def control(self) -> "LineView":
        """The widget that sent it."""
        return self.view


class LineView(Guarded, ScrollView, can_focus=False, inherit_bindings=False):
    """The base of the three widgets. A widget implements `line`, `texts`, `visible_texts` and `item_text`.

    Text can be selected with the mouse; a selection that enters from another widget covers
    what is visible. Content is never wider than the widget.
    """

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"lines--{name}"
        for name in (*Tone, "cursor", "cursor-blurred", "header", "stale", "hit", "mark", "title")
    }
    DEFAULT_CSS = """
    LineView {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._strips: LRUCache[tuple[Drawn, int], Strip] = LRUCache(STRIPS_KEPT)
        self._looks: dict[tuple[str, str, str], Style] = {}
        self._asked: list[Drawn] | None = None  # the rows last asked to be painted; None: all of them
        self._waiting = False  # a repaint of everything was asked for and did not happen yet
        self._thumb = (-1, -1)
        self._pressed: tuple[int, int] | None = None
        self._ascii: bool | None = None

    @abstractmethod
    def line(self, y: int) -> Line:
        """The screen row `y` as it is now; pure and quick, called on mouse moves too."""
        raise NotImplementedError

    @abstractmethod
    def texts(self, first: int, last: int) -> Iterable[tuple[int, str]]:
        """The content lines from `first` to `last`, each with its number; those out of range are left out."""
        raise NotImplementedError

    @abstractmethod
    def visible_texts(self) -> tuple[int, int]:
        """The numbers of the first and last content line in the window."""
        raise NotImplementedError

    @abstractmethod
    def item_text(self) -> Safe:
        """What is copied when no text is selected."""
        raise NotImplementedError

    @property
    def ascii(self) -> bool:
        """Whether to draw with ASCII characters only; the app is asked when styles are made."""
        if self._ascii is None:
            try:
                self._ascii = is_ascii(self.app)
            except RuntimeError:  # filled before any app runs
                return False
        return self._ascii

    @property
    def room(self) -> int:
        """Cells of a row that are seen: Textual counts the scrollbar to a widget's size."""
        return max(0, self.size.width - self.scrollbar_size_vertical)

    def glyphs(self, text: str) -> str:
        """The text as it can be drawn; the same number of characters."""
        return to_ascii(text) if self.ascii else text

    def copy_text(self) -> Safe:
        """The selected text, or else the item at the cursor."""
        selection = self.text_selection
        found = self.get_selection(selection) if selection is not None else None
        return Safe(found[0]) if found and found[0] else self.item_text()

    # Painting

    def repaint_changed(self) -> None:
        """Repaints the rows whose description differs from the one last painted, and no others."""
        if not self.is_mounted or self._waiting:
            return
        lines = self._rows_now()
        asked, self._asked = self._asked, lines
        if asked is None or len(asked) != len(lines):
            self.repaint_all()
            return
        changed = [y for y, line in enumerate(lines) if line != asked[y]]
        if changed:
            self.refresh(*_bands(changed, self.room))

    def repaint_all(self) -> None:
        """Asks for a repaint of everything, once until it happened; a hidden widget is asked only once."""
        if not self._waiting:
            self._asked = None
            self._waiting = True
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The strip of a screen row, exactly as wide as the widget; an empty one where drawing it fails."""
        try:
            return self._render_line(y)
        except Exception as error:
            self.tell_fault(error)  # a frame that isn't drawn would leave old values standing
            return Strip.blank(self.size.width)

    def _render_line(self, y: int) -> Strip:
        if self._waiting:
            self._waiting = False
            self._asked = self._rows_now()
        line = self._selected(self.line(y), self.text_selection)
        width = self.size.width
        key = (line.drawn, width)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._draw(line, width)
        return strip.apply_offsets(line.x, line.y)

    def _draw(self, line: Line, width: int) -> Strip:
        segments: list[Segment] = []
        left = width
        for piece in line.pieces:
            text = piece.text[: fitting(piece.text, left)]
            if text:
                segments.append(Segment(text, self._style(line.look, piece.look, piece.over)))
                left -= cells_of(text)
            if len(text) < len(piece.text):
                break
        if left > 0:
            segments.append(Segment(" " * left, self._style(line.look, Tone.NORMAL.value, "")))
        return Strip(segments, width)

    def _rows_now(self) -> list[Drawn]:
        selection = self.text_selection
        return [self._selected(self.line(y), selection).drawn for y in range(self.size.height)]

    def _selected(self, line: Line, selection: Selection | None) -> Line:
        span = selection.get_span(line.y) if selection is not None else None
        if span is None:
            return line
        start, end = span
        length = len(line.text)
        start = max(0, start - line.x)
        end = length if end == -1 else min(length, end - line.x)
        return line._replace(pieces=overlaid(line.pieces, start, end, "selected")) if start < end else line

    def _style(self, row: str, look: str, over: str) -> Style:
        key = (row, look, over)
        style = self._looks.get(key)
        if style is None:
            style = self._looks[key] = self._mix(row, look, over)
        return style

    def _mix(self, row: str, look: str, over: str) -> Style:
        if row in _WHOLE_ROW:
            style = self.get_component_rich_style(f"lines--{row}")
        else:
            coloured = rich_style(look, ansi=self.app.native_ansi_color)
            if coloured is not None:
                style = self.rich_style + coloured
            else:
                plain = look == Tone.NORMAL
                style = self.rich_style if plain else self.get_component_rich_style(f"lines--{look}")
            if row:
                style += self.get_component_rich_style(f"lines--{row}", partial=True)
        if over == "hit":
            style += self.get_component_rich_style("lines--hit")
        elif over == "selected":
            style += self.screen.get_component_rich_style("screen--selection")
        return style

    def notify_style_update(self) -> None:
        """Styles changed: nothing drawn before is valid."""
        super().notify_style_update()
        self._looks.clear()
        self._strips.clear()
        self._ascii = None

    # Scrolling

    def resize_content(self, lines: int) -> None:
        """Tells the number of content lines. A layout only when the scrollbar comes or goes."""
        size = Size(1, lines)
        if size == self.virtual_size:
            return
        styles = self.styles
        overflows = lines > self.container_size.height
        stays = styles.overflow_y == "scroll" or overflows == self.show_vertical_scrollbar
        if self.is_mounted and stays and not styles.auto_dimensions:
            self.set_reactive(Widget.virtual_size, size)
            self.scroll_y = self.validate_scroll_y(self.scroll_y)
            self._draw_scrollbar()
        else:
            self.virtual_size = size

    def scroll_to_line(self, line: int) -> None:
        """Makes a content line the first one, as far as there are lines to fill the window."""
        self.scroll_target_y = self.scroll_y = self.validate_scroll_y(line)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling repaints the rows that say something else afterwards."""
        self._draw_scrollbar()
        if round(old_value) != round(new_value):
            self.scrolled(round(new_value) - round(old_value))
            self.repaint_changed()

    def watch_show_vertical_scrollbar(self) -> None:
        """The scrollbar takes or leaves a column."""
        self.repaint_changed()

    def scrolled(self, lines: int) -> None:
        """Called after the window moved by so many lines."""

    def _draw_scrollbar(self) -> None:
        height, lines = self.size.height, self.virtual_size.height
        if not self.show_vertical_scrollbar or not lines:
            return
        top = round(self.scroll_y)
        thumb = (height * height * _EIGHTHS // lines, top * height * _EIGHTHS // lines)
        if thumb != self._thumb:
            self._thumb = thumb
            self.vertical_scrollbar.window_virtual_size = lines
            self.vertical_scrollbar.position = top

    def on_resize(self) -> None:
        """A new size is a new layout."""
        self._thumb = (-1, -1)
        self.repaint_all()

    # Selection and mouse

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected characters of the selected lines; no other line is read."""
        first, last = self.visible_texts()
        if selection.start is not None:
            first = selection.start.y
        if selection.end is not None:
            last = selection.end.y
        found: list[str] = []
        for y, text in self.texts(first, last):
            span = selection.get_span(y)
            if span is not None:
                start, end = span
                found.append(text[start:] if end == -1 else text[start:end])
        return ("\n".join(found), "\n") if found else None

    def selection_updated(self, selection: Selection | None) -> None:
        """The selection changed: only the rows it touches are painted."""
        self.repaint_changed()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Remembers where a button went down, to tell a click from the end of a drag."""
        self._pressed = (event.screen_x, event.screen_y)

    def on_click(self, event: events.Click) -> None:
        """A click that is no drag. Textual would select everything on a double click; ours activates."""
        event.prevent_default()
        if event.button == 1 and self._pressed == (event.screen_x, event.screen_y):
            offset = event.get_content_offset(self)
            if offset is not None:
                self.clicked(offset.x, offset.y, event)

    def clicked(self, x: int, y: int, event: events.Click) -> None:
        """Called for a click on a screen row."""
