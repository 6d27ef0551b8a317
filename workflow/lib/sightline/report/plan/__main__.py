"""What a run will cost, rule by rule, before it starts.

python -m sightline.report.plan --config plan.yaml --jobs dry_run.txt --resources resources --out results/demo/plan

Prints the plan, writes it as Markdown and CSV, and fails where the disk is too small.
"""

import argparse
import sys
from pathlib import Path

import yaml

from sightline import cli
from sightline.files import atomic_path
from sightline.report.plan.bill import reckon
from sightline.report.plan.cards import DEFAULT, find_card
from sightline.report.plan.jobs import read_jobs
from sightline.report.plan.room import disks, require_room
from sightline.report.plan.run import Run
from sightline.report.plan.table import as_csv, as_markdown


def main(options: argparse.Namespace) -> None:
    """Reckon, print, write, and refuse where the disk is too small."""
    config = yaml.safe_load(options.config.read_text(encoding="utf-8"))
    run = Run(config, options.resources, options.results)
    card = find_card(run.table("cards.csv"), config.get("plan", {}).get("card", DEFAULT))
    jobs = read_jobs(options.jobs.read_text(encoding="utf-8"))
    lines = reckon(run, jobs, card)
    written = disks(run, jobs)
    page = as_markdown(run, lines, card, written)
    for suffix, text in ((".md", page), (".csv", as_csv(lines))):
        with atomic_path(Path(f"{options.out}{suffix}")) as temporary:
            temporary.write_text(text, encoding="utf-8")
    sys.stdout.write(page)
    if config.get("plan", {}).get("check_disk", True):
        for disk in written:
            require_room(disk)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="of the run, YAML")
    parser.add_argument("--jobs", type=Path, required=True, help="what snakemake --dry-run printed")
    parser.add_argument("--resources", type=Path, required=True, help="folder of the inventories")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--out", type=Path, required=True, help="without suffix")
    cli.run(main, parser)
