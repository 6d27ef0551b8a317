"""What a run fetches by a name alone, so that it may be something else the next time."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_COMMIT = re.compile("[0-9a-f]{40}")


def unpinned(config: Mapping[str, Any]) -> list[str]:
    """Keys whose checkpoint or data set the hub may change: no commit is named, or, for mirrors, none can be.

    Args:
        config: a configuration that was checked.
    """
    return list(_keys(config))


def warning(config: Mapping[str, Any]) -> str | None:
    """One line that names them, or None where all is pinned."""
    keys = unpinned(config)
    if not keys:
        return None
    return (
        f"fetched without a commit, and so perhaps not the same in another run: {', '.join(keys)}. Name a commit as "
        "revision, or a folder, to fix it."
    )


def _keys(config: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("models", "parts", "encoders"):
        for name, entry in config.get(kind, {}).items():
            if not _COMMIT.fullmatch(entry.get("revision", "0" * 40)):
                yield f"{kind}.{name}"
    judge = config["studies"].get("kaduri2025", {}).get("judge", {})
    # A name on the hub may come without any revision.
    settled = judge.get("kind") != "local" or Path(judge["path"]).is_dir()
    if not _COMMIT.fullmatch(judge.get("revision", "0" * 40 if settled else "")):
        yield "studies.kaduri2025.judge"
    reasonseg = config["datasets"].get("reasonseg", {})
    if reasonseg.get("source") == "mirror":
        for split, mirror in reasonseg.get("mirrors", {}).items():
            if not Path(mirror).is_dir():
                yield f"datasets.reasonseg.mirrors.{split}"
