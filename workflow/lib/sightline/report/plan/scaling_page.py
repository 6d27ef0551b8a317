"""Write docs/scaling.md from measured constants.

python -m sightline.report.plan.scaling_page --constants docs/scaling-constants.json --resources resources \
    --doc docs/scaling.md
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from sightline import cli
from sightline.files import atomic_path
from sightline.report.plan.cards import Card, find_card
from sightline.report.plan.scaling import LISTED, LOADING, Growth, Step, breaks, fit_growth, step
from sightline.report.plan.shapes import read_table
from sightline.report.plan.table import size

SHARDS = 100_000
# Nothing in it follows from a number.
KEEPING = """\
## Caches elsewhere

With `caches: /scratch/me/sightline`, or `caches: s3://bucket/sightline`, shards of trace sets are kept there: those of
`results/<run>/x` at `<caches>/<run>/x`. The folder of the results has the index and a small `spec.json` that says
where the rest is, so rules and notebooks work as before. Give every working folder a prefix of its own: two runs
of one name would write over each other, which the checksums tell. What is finished stays where it is when the key
changes, nothing is measured again, and what no run needs any more is yours to delete.

* **Clients**: `pip install -e '.[s3]'` for `s3://`; other addresses that fsspec knows need its client for them
  (gcsfs, adlfs), and were not tried. With conda (`--sdm conda`) the client belongs into `envs/torch.yaml`.
* **Credentials** come from where the client looks, such as `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and
  `AWS_SECRET_ACCESS_KEY`; `AWS_ENDPOINT_URL` names a store that is not Amazon's. Addresses with a password
  are refused, and nothing of it is written into logs, specs or results.
* **Whole or not**: `spec.json` is written last and removed first. A killed job leaves objects that no reader trusts;
  the next one removes them. A store cannot rename, so an older trace set ends with the first shard of a new one.
* **Disk**: a job needs room for one shard while it writes, and for the shards that it reads while it reads, in the
  temporary folder (`TMPDIR`). Shards are fetched anew by each job and compared with their checksums.
* **Another machine**: copy `results/<run>`, which is small then, with its times (`rsync -a`), and the run goes on from
  the same store. To start another run, `snakemake --cores 1 publish` fetches what is kept elsewhere into a
  folder for `start_from`, which has to be on a disk.
* **Plan**: `snakemake --cores 1 plan` reckons the index into the disk of the results and the rest into that of the
  folder; how much room a store has it does not know.

Tested against a server on one machine that speaks like S3 (moto), not against Amazon's."""


def page(constants: Mapping[str, Any], steps: Sequence[Step], growth: Growth, card: Card) -> str:
    """The whole page."""
    model, price = constants["model"], constants["price_per_gpu_hour"]
    parts = [
        "# Scaling, on paper",
        "",
        "Written by `python -m sightline.report.plan.scaling_page`; do not edit. The numbers behind it are in",
        "`docs/scaling-constants.json`, with their sources. Nothing here was run at these sizes: "
        "measured are the growth",
        "of the DAG and the bytes of images and shards; operations follow from shapes; efficiency, "
        "loading time and",
        "price are assumed.",
        "",
        f"The work: {model['key']} reads every image once with a prompt of {model['text_positions']} "
        "positions beside it, "
        f"and {model['rows_kept']} rows are kept in {model['layers_kept']} states, "
        f"{model['number_bytes']} bytes a "
        f"number. The card: one {card.name} at {card.efficiency:.0%} of {card.peak / 1e12:,.0f} TFLOP/s "
        "(assumed), "
        f"{price['value']} per GPU-hour (assumed). Loading takes {constants['load_seconds']['value']} s "
        "a shard "
        "(assumed).",
        "",
        "## Bill",
        "",
        "| images | images on disk | cache | of it index | files | shards | GPU-hours | of it loading | cost |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(_bill(one, price["value"]) for one in steps),
        "",
        "## Hours by number of GPUs",
        "",
        "A shard has so many images that loading the model takes a tenth of its time; it is not "
        "divided, so more GPUs",
        "than shards do not help. Smaller shards end sooner on many GPUs and pay more for loading.",
        "",
        f"| images | {' | '.join(f'{count:,}' for count in constants['gpus'])} |",
        f"|--:|{'--:|' * len(constants['gpus'])}",
        *(_walls(one, constants["gpus"]) for one in steps),
        "",
        "## What breaks first",
        "",
        "| images | jobs | breaks first | what the design does |",
        "|--:|--:|---|---|",
        *(
            f"| {one.images:,} | {one.jobs:,} | {' | '.join(breaks(one, growth))} |"
            for one in steps
        ),
        "",
        *_shards(constants["shards"]),
        *_dag(constants["dag"], growth),
        *_others(steps),
        "",
        KEEPING,
    ]
    return "\n".join(parts) + "\n"


def _bill(one: Step, price: float) -> str:
    hours = one.hours + one.loading
    sizes = " | ".join(size(count) for count in (one.source, one.cache, one.index))
    bill = f"{hours:,.2f} | {one.loading / hours:.0%} | {hours * price:,.2f}"
    return f"| {one.images:,} | {sizes} | {one.files:,} | {one.shards:,} | {bill} |"


def _walls(one: Step, gpus: Sequence[int]) -> str:
    return f"| {one.images:,} | {' | '.join(f'{one.wall(count):,.2f}' for count in gpus)} |"


def _shards(measured: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| `{one['rule']}` | {one['load']:.1f} | {one['each']:.2f} | {enough(one['load'], one['each']):,} |"
        for one in measured["rules"]
    ]
    return [
        "## Shards",
        "",
        "With `shards: n` in the configuration the rules with most work are n jobs: "
        + ", ".join(f"`{rule}`" for rule in measured["divided"])
        + ". All others remain one job.",
        "Each shard takes a contiguous",
        "share of the samples, and the results are gathered into the bytes that one job would have "
        "written: seeds belong to",
        "samples, and where samples are read in batches, shards begin where a batch does (every "
        "16 descriptions, every 64 images of",
        "an encoder, so fewer samples than that are not divided). What shards wrote stays in "
        "`results/<run>/shards/` and may be deleted.",
        "",
        f"Measured: {measured['source']}.",
        "",
        "| rule | loading, s | each sample, s | samples of a shard that loads for a tenth of its time |",
        "|---|--:|--:|--:|",
        *rows,
        "",
        "So shards of the demo's size are mostly loading, and one job is right for it. The bill above has "
        "the same tenth for a card,",
        "where both loading and speed are assumed. A shard of fewer samples is right where a run should "
        "end soon rather than cost little.",
        "",
    ]


def enough(load: float, each: float) -> int:
    """Samples of a shard whose loading takes no more than `LOADING` of its time.

    Args:
        load: seconds until the first sample.
        each: seconds of a sample.
    """
    return ceil(load * (1 / LOADING - 1) / each)


def _dag(measured: Mapping[str, Any], growth: Growth) -> list[str]:
    largest = max(run["jobs"] for run in measured["runs"])
    rows = [
        f"| {run['jobs']:,}{run.get('note', '')} | {run['seconds']:,.1f} | {run['mebibytes']:,.0f} |"
        for run in (*measured["runs"], *measured.get("batches", []))
    ]
    return [
        "## The DAG",
        "",
        f"Measured: {measured['source']}.",
        "",
        "| jobs | CPU seconds | MiB |",
        "|--:|--:|--:|",
        *rows,
        "",
        f"A straight line through the whole DAGs gives {growth.per_job * 1e3:.2f} ms and "
        f"{growth.kibibytes:.1f} KiB a job "
        f"and {growth.start:.1f} s to begin with. {SHARDS:,} shards of one rule would take "
        f"**{growth.seconds(SHARDS) / 60:.1f} min and {growth.gigabytes(SHARDS):.1f} GB**: extrapolated "
        f"from {largest:,} jobs, "
        "not run. While it runs, Snakemake also looks through ready jobs after each finished one; its limit of new "
        "jobs per second, which made it look ever more often, is switched off (`workflow/rules/common.smk`).",
        "",
        f"**The limit** is set at {LISTED:,} jobs in one DAG, {growth.seconds(LISTED):.0f} s of CPU and "
        f"{growth.gigabytes(LISTED):.1f} GB. **The remedy** beyond it: `snakemake --batch gather_file=i/n`, "
        "or `gather_traces=i/n`, builds the part of "
        "the DAG below the i-th of n parts of that rule's inputs, one call after the other; `--groups` and "
        "`--group-components` put "
        "jobs of seconds into "
        "one submission, which spares the scheduler and not the DAG; larger shards spare both, and are "
        "the first thing to "
        "try, because a shard needs to be only small enough for a killed job to be cheap.",
        "",
    ]


def _others(steps: Sequence[Step]) -> list[str]:
    last = steps[-1]
    return [
        "## Beside the DAG",
        "",
        f"* **Inodes**: {last.images:,} images are as many files; the cache is {last.files:,}. Snakemake "
        "keeps one small "
        "file of metadata per output and one log and one benchmark per job: about five files a job. "
        "Images belong into "
        "archives from about 10^7 on; the present loaders read single files.",
        "* **Names**: shards are numbered with four digits (`shard-NNNN`); beyond 9,999 in one trace "
        "set the names grow "
        "longer and still sort by number in the spec, which lists them in order.",
        f"* **Metadata**: `spec.json` lists every shard with its checksum, about 150 bytes each: "
        f"{size(150 * last.files)} at the last size. Writing it last is what makes a trace set whole, so "
        "one trace set "
        "per batch is better than one of all.",
        f"* **Index**: one line per row. It is read whole: {size(last.index)} on disk at the last size, "
        "about five times "
        "that in memory. From about 10^7 images on, trace sets need to be split, and studies to read "
        "one after another.",
        "* **Judged text and tables**: measurements are one row per image, object and condition. They "
        "are read whole by "
        "the rules that summarise; at 10^6 images and 40 conditions that is 4 x 10^7 rows, a few GB.",
    ]


def main(options: argparse.Namespace) -> None:
    """Compute and write."""
    constants = json.loads(options.constants.read_text(encoding="utf-8"))
    shape = read_table(options.resources / "shapes.csv")[constants["model"]["key"]]
    card = find_card(options.resources / "cards.csv", constants["card"])
    steps = [step(count, constants, shape, card) for count in constants["images"]]
    text = page(constants, steps, fit_growth(constants["dag"]["runs"]), card)
    with atomic_path(options.doc) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--constants", type=Path, required=True, help="JSON")
    parser.add_argument("--resources", type=Path, required=True, help="folder of the inventories")
    parser.add_argument("--doc", type=Path, required=True, help="page to write")
    cli.run(main, parser)
