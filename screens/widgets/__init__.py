"""What the screens are made of: `Table`, `RecordView` and `StripChart`, all on one base."""

from .arrange import Order
from .chart import StripChart
from .columns import Cell, Column, Row
from .glyphs import Tone
from .prefix import Prefix, clock_time
from .records import RecordView
from .store import Record
from .table import Table

__all__ = [
    "Cell",
    "Column",
    "Order",
    "Prefix",
    "Record",
    "RecordView",
    "Row",
    "StripChart",
    "Table",
    "Tone",
    "clock_time",
]
