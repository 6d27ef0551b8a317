"""Traces on disk: one folder per trace set, whole or not at all.

results/<run>/cache/<model>/<trace set>/
    shard-NNNN.safetensors   tensors of equal row count, by name; their only metadata key is "spec"
    index.parquet            one line per row: the user's columns, then shard and offset in it
    spec.json                settings, tensor names and types, sha256 of every file; written last

A folder without spec.json is unfinished. Shards hold a fixed number of rows, which follows from the
bytes of one row alone, so the bytes on disk do not depend on how the rows were handed in.

The same files may lie in a store behind an address (s3://bucket/prefix). Where a run keeps its traces elsewhere, the
folder holds the index and a spec.json with one more key, "kept": the folder or address of the whole trace set.
"""

import re
from pathlib import Path

from sightline.errors import SightlineError

# Columns of the index that the writer adds.
RESERVED = ("shard", "offset")
# Private folders of writers at work; a killed writer leaves its own behind.
PARTIAL = ".partial-"
INDEX, SPEC = "index.parquet", "spec.json"
SHARD = re.compile(r"shard-\d{4,}\.safetensors")
# Key of spec.json that names the place of a trace set kept elsewhere.
KEPT = "kept"


class TraceError(SightlineError):
    """A trace set cannot be written as asked, or what was asked of it is not in it."""


class UnfinishedTraceError(TraceError):
    """The folder holds no finished trace set."""


class DamagedTraceError(TraceError):
    """A file of a finished trace set is missing or is not the one that was written."""


class PlaceError(TraceError):
    """A store lacks something, refuses it, or cannot be reached."""


def is_address(place: Path | str) -> bool:
    """Whether a place is in a store and not on a disk."""
    return "://" in str(place) and not str(place).startswith("file://")


def shard_name(number: int) -> str:
    """File name of shard ``number``, counted from zero."""
    return f"shard-{number:04d}.safetensors"
