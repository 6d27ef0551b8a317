"""Traces on disk: one folder per trace set, whole or not at all.

results/<run>/cache/<model>/<trace set>/
    shard-NNNN.safetensors   tensors of equal row count, by name; their only metadata key is "spec"
    index.parquet            one line per row: the user's columns, then shard and offset in it
    spec.json                settings, tensor names and types, sha256 of every file; written last

A folder without spec.json is unfinished. Shards hold a fixed number of rows, which follows from the
bytes of one row alone, so the bytes on disk do not depend on how the rows were handed in.
"""

from sightline.errors import SightlineError

# Columns of the index that the writer adds.
RESERVED = ("shard", "offset")
# Private folders of writers at work; a killed writer leaves its own behind.
PARTIAL = ".partial-"


class TraceError(SightlineError):
    """A trace set cannot be written as asked, or what was asked of it is not in it."""


class UnfinishedTraceError(TraceError):
    """The folder holds no finished trace set."""


class DamagedTraceError(TraceError):
    """A file of a finished trace set is missing or is not the one that was written."""


def shard_name(number: int) -> str:
    """File name of shard ``number``, counted from zero."""
    return f"shard-{number:04d}.safetensors"
