"""The door to trace sets on disk: `TraceWriter`, `TraceReader` and their errors."""

from sightline.cache.layout import DamagedTraceError, PlaceError, TraceError, UnfinishedTraceError
from sightline.cache.reader import TraceReader
from sightline.cache.writer import TraceWriter

__all__ = [
    "DamagedTraceError",
    "PlaceError",
    "TraceError",
    "TraceReader",
    "TraceWriter",
    "UnfinishedTraceError",
]
