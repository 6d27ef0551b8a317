"""Whole files or none: writing that a killed run cannot leave half done."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays, because writers such as Matplotlib and Pillow choose the format by it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # Else a power cut soon after may leave the name with nothing behind it.
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes files private; results are meant to be shared.
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        # A disk that is full while something is written does not say where.
        if error.errno and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def clear_files(folder: Path, stem: str, suffix: str) -> None:
    """Remove what a former call wrote into a folder, and what it left half written where it was killed.

    Args:
        folder: may be missing; files of other names stay.
        stem: regular expression of the names without suffix.
        suffix: regular expression of the suffixes, dot included.
    """
    # A temporary file is named as `atomic_path` names it.
    written = re.compile(rf"(?:(?:{stem})|\.(?:{stem})-[a-z0-9_]+)(?:{suffix})")
    if folder.is_dir():
        for file in sorted(folder.iterdir()):
            if written.fullmatch(file.name) and not file.is_dir():
                file.unlink()


def write_json(value: Any, path: Path | str) -> None:
    """Write ``value`` as JSON with sorted keys: equal values give equal bytes."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def write_csv(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a table without its index, floats to eight significant digits."""
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.8g", lineterminator="\n")


def write_parquet(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a table without its index."""
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


def sha256(path: Path | str) -> str:
    """Hex digest of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
