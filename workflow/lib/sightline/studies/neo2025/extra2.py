"""The ablation of Table 1 for the second model, as a table of its own."""

import argparse
from pathlib import Path

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.neo2025.effects import read_effects
from sightline.studies.neo2025.tab1 import PAPER_MODELS, build, display
from sightline.studies.published import load_published
from sightline.studies.tables import write_table

CAPTION = (
    "Correct answers lost (percent, 95 % Wilson interval over images) when subsets of image tokens are replaced "
    "by the mean image token, in the second model (neo2025 Table 1, second half)."
)


def main(options: argparse.Namespace) -> None:
    """Write the table as csv, md and tex."""
    if len(options.models) < len(PAPER_MODELS):
        raise SightlineError(
            f"extra2: studies.neo2025.models names {len(options.models)} model, this table is of the second; "
            f"name one that stands for {PAPER_MODELS[1]}."
        )
    table = build(read_effects(options.effects), options.models, load_published("neo2025"))
    table = table[table["paper_model"] == PAPER_MODELS[1]].reset_index(drop=True)
    write_table(table, options.out, CAPTION, formats=("csv",))
    write_table(display(table), options.out, CAPTION, formats=("md", "tex"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument(
        "--models", nargs="*", required=True, help="keys that stand for LLaVA-1.5 and LLaVA-Phi"
    )
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
