"""Measure speed and memory of the instruments against plain transformers, print a table, write JSON.

python -m sightline.bench --shape small --threads 1 --out docs/benchmarks.json --doc docs/benchmarks.md
python -m sightline.bench growth --shape small --threads 1 --out docs/benchmarks-growth.json
python -m sightline.bench doc --doc docs/benchmarks.md
"""

import argparse
import json
from pathlib import Path

from sightline import cli
from sightline.bench.document import write_document
from sightline.bench.growth import measure_growth
from sightline.bench.measure import keep_other_rows, measure_all
from sightline.bench.shapes import SHAPES, BenchError, find_shape
from sightline.bench.table import print_row
from sightline.bench.works import WORKS
from sightline.files import write_json


def main(options: argparse.Namespace) -> None:
    """Do what was asked."""
    shape = find_shape(options.shape)
    where = {"threads": options.threads, "device": options.device}
    if options.what == "table":
        kept = options.only and options.out and options.out.exists()
        earlier = json.loads(options.out.read_text()) if kept else None
        for report in measure_all(shape, options.only, options.rounds, **where):
            print(print_row(report["rows"][-1]), end="\n\n", flush=True)
            # After each row: a run that is stopped keeps what it has.
            if options.out:
                whole = keep_other_rows(report, earlier) if earlier else report
                write_json(whole, options.out)
    elif options.what == "growth":
        if options.out is None:
            raise BenchError("bench growth: give --out, such as docs/benchmarks-growth.json.")
        write_json(measure_growth(shape, options.rounds, **where), options.out)
    elif options.doc is None:
        raise BenchError("bench doc: give --doc, such as docs/benchmarks.md.")
    if options.doc:
        write_document(options.doc)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m sightline.bench", description=__doc__.splitlines()[0]
    )
    parser.add_argument("what", nargs="?", default="table", choices=("table", "growth", "doc"))
    parser.add_argument("--shape", default="small", choices=SHAPES, help="sizes (small)")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="ROW",
        help=f"some of {', '.join(WORKS)}; others stay in --out as they were",
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of both sides (3)")
    parser.add_argument("--threads", type=int, help="of torch; its own choice if not given")
    parser.add_argument("--device", help="instead of the shape's")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="where the report goes")
    parser.add_argument(
        "--doc", type=Path, metavar="FILE.md", help="written from the reports beside it"
    )
    cli.run(main, parser)
