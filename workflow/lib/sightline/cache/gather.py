"""Trace sets from those that the shards of a rule wrote, row after row in the order of the shards.

python -m sightline.cache.gather --shards results/demo/shards --count 3 --folder cache/llava/lens \
    --marker spec.json --out results/demo/cache/llava/lens
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from sightline import cli
from sightline.cache.keeping import kept_at
from sightline.cache.layout import TraceError
from sightline.cache.reader import TraceReader
from sightline.cache.writer import TraceWriter
from sightline.shards import shard_folder


def gather_traces(parts: Sequence[Path], out: Path) -> None:
    """Write one trace set, equal to what one job would have written, byte for byte.

    Args:
        parts: trace sets in the order of the shards; those without a row are passed over.
        out: folder to write.

    Raises:
        TraceError: settings differ, or no part has a row.
        DamagedTraceError, UnfinishedTraceError: a part is not what was written.
    """
    first = TraceReader(parts[0])
    with TraceWriter(out, first.spec, keep=kept_at(out)) as writer:
        for part in parts:
            reader = TraceReader(part)
            differences = reader.spec.differences(first.spec)
            if differences:
                raise TraceError(
                    f"{part}: {differences[0][0]} differs from that of {parts[0]}, so the shards do "
                    "not belong together. Delete both and run snakemake again."
                )
            for rows, tensors in reader.shards():
                writer.add(rows, tensors)


def trace_sets(folder: Path, marker: str) -> list[str]:
    """Names of the trace sets below a folder, or "." for itself; the one that marks the whole is last.

    Args:
        folder: of one shard.
        marker: ``spec.json`` of the trace set that a rule's output names, relative to the folder.
    """
    last = Path(marker).parent
    if last == Path():
        return ["."]
    names = sorted(file.parent.name for file in folder.glob("*/spec.json"))
    return [*(name for name in names if name != last.name), last.name]


def main(options: argparse.Namespace) -> None:
    """Gather all trace sets of a folder."""
    numbers = range(1, options.count + 1)
    parts = [shard_folder(options.shards, n, options.count) / options.folder for n in numbers]
    for name in trace_sets(parts[0], options.marker):
        gather_traces([part / name for part in parts], options.out / name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=Path, required=True, help="folder of all shards")
    parser.add_argument("--count", type=int, required=True, help="number of shards")
    parser.add_argument("--folder", required=True, help="in the folder of a shard")
    parser.add_argument("--marker", required=True, help="spec.json that is written last")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    cli.run(main, parser)
