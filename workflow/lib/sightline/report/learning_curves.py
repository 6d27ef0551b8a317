"""How the demo models learned: what each stage of training measured on validation scenes.

python -m sightline.report.learning_curves --curves resources/demo/curves --out results/demo/models/learning_curves
python -m sightline.report.learning_curves --curves resources/demo/encoders/*/ --out results/demo/models/encoders
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import new_figure, save_figure, series

_SHOWN = {
    "vision": ("category", "color", "background", "category word"),
    "segmenter": ("IoU 1 click", "IoU 4 clicks", "IoU box"),
    "language": ("exists", "color", "count", "where", "hop"),
    "aim": ("IoU explicit", "IoU implicit"),
    "classification": ("primary accuracy",),
    "contrastive": ("recall@1 of 256",),
    "captioning": ("named categories",),
    "distillation": ("k-NN primary", "effective rank"),
}
"""Measures to show by the first word of a stage's name; all of them are in the table beside the figure."""

_LESSONS = ("language", "language-grown", "language-counted")
"""Stages of one kind, in the order of training."""

_ENCODER = "curve.jsonl"
"""The one curve of an encoder, in a folder that has its name."""


def read_curves(folders: Sequence[Path]) -> pd.DataFrame:
    """Validation measures of every stage: columns stage, step, measure, value.

    Args:
        folders: of a model's curves, one file per stage, or of encoders with one curve each.

    Raises:
        SightlineError: no curve in a folder, none with a validation, or one of a stage that is not known.
    """
    rows = []
    for folder in folders:
        here = [
            {"stage": stage, "step": line["step"], "measure": measure, "value": value}
            for file in sorted(folder.glob("*.jsonl"), key=_when)
            for stage in [folder.name if file.name == _ENCODER else file.stem]
            for line in map(json.loads, file.read_text().splitlines())
            for measure, value in line.get("validation", {}).items()
        ]
        if not here:
            raise SightlineError(
                f"{folder}: no learning curves. Expected *.jsonl files as the training rules write them."
            )
        for stage in {row["stage"]: None for row in here}:
            if _family(stage) not in _SHOWN:
                raise SightlineError(
                    f"{folder}: {stage}.jsonl is of no known stage; names begin with {', '.join(_SHOWN)}."
                )
        rows += here
    return pd.DataFrame(rows)


def _when(curve: Path) -> tuple[int, int, str]:
    """Sorts the curves of a model by the order of its stages."""
    families, stage = list(_SHOWN), curve.stem
    family = families.index(_family(stage)) if _family(stage) in families else len(families)
    return family, _LESSONS.index(stage) if stage in _LESSONS else 0, stage


def draw_curves(curves: pd.DataFrame, out: Path) -> None:
    """One panel per stage."""
    stages = list(dict.fromkeys(curves["stage"]))
    columns = 2
    rows = -(-len(stages) // columns)
    with new_figure(2, 1.9 * rows, rows, columns, squeeze=False) as (figure, axes):
        for place in axes.flat[len(stages) :]:
            place.set_axis_off()
        for place, stage in zip(axes.flat, stages, strict=False):
            part = curves[curves["stage"] == stage]
            measured = [m for m in _SHOWN[_family(stage)] if (part["measure"] == m).any()]
            for number, measure in enumerate(measured):
                line = part[part["measure"] == measure]
                place.plot(line["step"], line["value"], label=measure, **series(number))
            # The legend lies between title and panel: lines run everywhere below.
            place.set_title(stage, pad=16)
            place.set(xlabel="step", ylabel="value on validation scenes", ylim=(0, 1.05))
            place.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=5, columnspacing=0.8)
        save_figure(figure, out, data=curves)


def _family(stage: str) -> str:
    return stage.split("-")[0]


def main(arguments: argparse.Namespace) -> None:
    """Draw the curves of some folders."""
    draw_curves(read_curves(arguments.curves), arguments.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
