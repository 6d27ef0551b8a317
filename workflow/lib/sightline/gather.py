"""One file from those that the shards of a rule wrote: tables end to end, texts that all must agree on.

python -m sightline.gather --shards results/demo/shards --count 3 --file neo2025/measurements/ablation/llava.parquet \
    --out results/demo/neo2025/measurements/ablation/llava.parquet
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import atomic_path, write_parquet
from sightline.shards import shard_folder


class GatherError(SightlineError):
    """Files of shards do not belong together."""


def gather_table(parts: Sequence[Path], out: Path) -> None:
    """Lay tables end to end; equal to the table that one job would have written, byte for byte.

    Args:
        parts: parquet files in the order of the shards; those without a row count for their columns alone.
        out: file to write.

    Raises:
        GatherError: the tables have different columns, or values of different kinds in one.
    """
    tables = [pq.read_table(part) for part in parts]
    for part, table in zip(parts, tables, strict=True):
        if table.column_names != tables[0].column_names:
            raise GatherError(
                f"{part}: columns are {', '.join(table.column_names)}, those of {parts[0]} "
                f"{', '.join(tables[0].column_names)}. Delete both and run snakemake again."
            )
    # A column without values has no type of its own, in a table with rows or without.
    filled = [table for table in tables if len(table)] or tables[:1]
    # Where one shard has a gap in a column of whole numbers, all of it becomes fractions, as in one table. Texts in
    # several pieces would be written in other bytes.
    try:
        whole = pa.concat_tables(filled, promote_options="permissive").combine_chunks()
    except pa.ArrowTypeError as error:
        raise GatherError(
            f"{out}: the shards {', '.join(map(str, parts))} hold values of different kinds in one column ({error}). "
            "Delete them and run snakemake again."
        ) from error
    write_parquet(whole.to_pandas(), out)


def gather_text(parts: Sequence[Path], out: Path) -> None:
    """Keep what all shards say alike.

    Raises:
        GatherError: one says something else.
    """
    text = parts[0].read_bytes()
    for part in parts[1:]:
        if part.read_bytes() != text:
            raise GatherError(
                f"{part} differs from {parts[0]}: the shards were made with different models or "
                "settings. Delete both and run snakemake again."
            )
    with atomic_path(out) as temporary:
        temporary.write_bytes(text)


def main(options: argparse.Namespace) -> None:
    """Gather one file."""
    numbers = range(1, options.count + 1)
    parts = [shard_folder(options.shards, n, options.count) / options.file for n in numbers]
    gather = gather_table if options.out.suffix == ".parquet" else gather_text
    gather(parts, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=Path, required=True, help="folder of all shards")
    parser.add_argument("--count", type=int, required=True, help="number of shards")
    parser.add_argument("--file", required=True, help="in the folder of a shard")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
