"""How much of an object decodes to its class: the paper's number beside every reading of it.

The paper says: in an image's best state 23.7 % of the object's token positions decode to the class
token, and the best state is 25.7 of 33 on average over 170 images. It does not say how tokens are
matched, how much of a token an object must cover, whether states count from 0 or 1, and what the
best state of an image without any match is. The first row takes the strictest reading, with states
counted from 0 and every image in the mean; the rows below change one thing each. Controls say what
the best of many states amounts to where there is nothing to find.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.neo2025.lens import curves
from sightline.studies.neo2025.lens.effects import ALL_IMAGES, WITH_A_HIT
from sightline.studies.neo2025.lens.image_set import MAIN, WIDE
from sightline.studies.neo2025.lens.words import STRICT
from sightline.studies.published import find_published, load_published
from sightline.studies.tables import write_table

PAPER_MODELS = {"num1": "LLaVA-1.5", "num2": "Qwen2-VL-2B"}
CAPTION = (
    "Share of an object's tokens that decode to its class in the image's best state, and that "
    "state counted from 0 and from 1, with 95 % bootstrap intervals over images, beside the "
    "published values (neo2025 section 4.1)."
)


@dataclass(frozen=True)
class Reading:
    """One way to take the measurement."""

    label: str
    series: str = curves.OBJECT
    rule: str = STRICT
    sample: str = MAIN
    images: str = ALL_IMAGES


READINGS = (
    Reading("Main reading"),
    Reading("Only images with a match", images=WITH_A_HIT),
    Reading("Object covers half a token or more", series=curves.HALF),
    Reading("Token: any spelling with capitals", rule="any_case"),
    Reading("Token: whole class name only", rule="whole"),
    Reading("Token: three letters of the name or more", rule="prefix"),
    Reading("Token: plural or synonym too", rule="synonym"),
    Reading("Any number of annotations in the image", sample=WIDE),
    Reading("As published: geometry and double norm", series=curves.PUBLISHED),
)
CONTROLS = (
    Reading("Control: tokens outside the object", series=curves.OUTSIDE),
    Reading("Control: classes of other images", series=curves.SHUFFLED),
    Reading("Control: other classes in the image", series=curves.PRESENT),
    Reading("Read by the input embeddings", series=curves.INPUT),
    Reading("Same, outside the object", series=curves.INPUT_OUTSIDE),
)


def find_best(best: pd.DataFrame, model: str, reading: Reading) -> pd.Series | None:
    """One row of `sightline.studies.neo2025.lens.effects.summarise_best`, or None."""
    found = best[
        (best["model"] == model)
        & (best["sample"] == reading.sample)
        & (best["series"] == reading.series)
        & (best["rule"] == reading.rule)
        & (best["images"] == reading.images)
    ]
    return None if found.empty else found.iloc[0]


def build(best: pd.DataFrame, model: str, item: str, published: pd.DataFrame) -> pd.DataFrame:
    """The table with every number in its own column.

    Args:
        best: of `sightline.studies.neo2025.lens.effects.summarise_best`.
        model: key of the model.
        item: num1 or num2, which says whose published values stand beside.
        published: of `sightline.studies.published.load_published`.

    Raises:
        SightlineError: the model was not measured.
    """
    lines = []
    for reading in (*READINGS, *CONTROLS):
        found = find_best(best, model, reading)
        if found is None:
            continue
        # Only a measurement of the class in the object is what the paper printed.
        compared = reading in READINGS
        line = {
            "model": model,
            "paper_model": PAPER_MODELS[item],
            "reading": reading.label,
            "series": reading.series,
            "rule": reading.rule,
            "sample": reading.sample,
            "images": reading.images,
            "n": int(found["n"]),
        }
        for column in ("share", "share_low", "share_high", "state", "state_low", "state_high"):
            line[column] = found[column]
        line["state_from_1"] = found["state"] + 1
        line["states"] = int(found["states"])
        line["depth"] = found["state"] / (found["states"] - 1)
        for column, name in (
            ("share_published", "share_decoding_to_class"),
            ("state_published", "best_state"),
            ("images_published", "images"),
        ):
            cell = find_published(published, item, PAPER_MODELS[item], "object tokens", name)
            line[column] = cell.value if compared and cell.value is not None else np.nan
        lines.append(line)
    if not lines:
        raise SightlineError(f"{item}: no lens measurement of {model}; known: {_known(best)}.")
    return pd.DataFrame(lines)


def _known(best: pd.DataFrame) -> str:
    return ", ".join(dict.fromkeys(best["model"])) or "none"


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read."""
    states = int(table["states"].iloc[0])
    return pd.DataFrame(
        {
            "Reading": table["reading"],
            "Images": table["n"],
            "Share (%)": _interval(table, "share"),
            "Published (%)": table["share_published"].round(1),
            f"Best state (of 0 to {states - 1})": _interval(table, "state"),
            "From 1": table["state_from_1"].round(1),
            "Depth": table["depth"].round(2),
            "Published (of 33)"
            if table["paper_model"].iloc[0] == "LLaVA-1.5"
            else "Published (of 29)": table["state_published"].round(1),
        }
    )


def _interval(table: pd.DataFrame, column: str) -> Sequence[str]:
    return [
        f"{value:.1f} [{low:.1f}, {high:.1f}]"
        for value, low, high in table[[column, f"{column}_low", f"{column}_high"]].to_numpy(float)
    ]


def main(options: argparse.Namespace) -> None:
    """Write the table as csv, md and tex."""
    best = pd.read_csv(options.best)
    table = build(best, options.model, options.item, load_published("neo2025"))
    write_table(table, options.out, CAPTION, formats=("csv",))
    write_table(display(table), options.out, CAPTION, formats=("md", "tex"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--best", type=Path, required=True, help="best.csv of lens.effects")
    parser.add_argument("--model", required=True, help="key of the model")
    parser.add_argument("--item", choices=sorted(PAPER_MODELS), required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
