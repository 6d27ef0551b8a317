"""Hold every description against the unmodified one of its image, and against another image's (kaduri2025 section 2.5).

Gist and details are scored apart where the data set says which object is dominant: the paper's coarse description (its
claim on query tokens) should keep the first and lose the second.
"""

import argparse
import logging
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sightline import cli
from sightline.files import write_parquet
from sightline.scenes.coco import Coco
from sightline.studies.judging.comparison import Comparison, Judge
from sightline.studies.judging.opening import open_judge
from sightline.studies.kaduri2025.knockout import conditions
from sightline.studies.kaduri2025.knockout.descriptions import read_descriptions
from sightline.studies.kaduri2025.knockout.measurements import COLUMNS
from sightline.studies.kaduri2025.protocol import Protocol

log = logging.getLogger(__name__)

NAN = float("nan")


def shuffle_images(descriptions: pd.DataFrame, seed: int, draws: int) -> pd.DataFrame:
    """Rows in which every image bears the unmodified description of another one: the floor.

    In each draw the images stand in a random circle, and each takes its neighbour's text; a single image has none.
    """
    clean = descriptions[
        (descriptions["condition"] == conditions.NONE)
        & (descriptions["wording"] == conditions.MAIN)
    ].sort_values("place")
    if len(clean) < 2:
        return clean.iloc[:0].assign(draw=0)
    parts = []
    for draw in range(draws):
        order = np.random.default_rng([seed, draw]).permutation(len(clean))
        part = clean.iloc[order]
        said = clean.iloc[np.roll(order, 1)]
        parts.append(
            part.assign(
                condition=conditions.SHUFFLED,
                draw=draw,
                text=said["text"].to_numpy(),
                tokens=said["tokens"].to_numpy(),
            )
        )
    return pd.concat(parts, ignore_index=True)


def judge_all(descriptions: pd.DataFrame, judge: Judge, seed: int, draws: int) -> pd.DataFrame:
    """Judge all descriptions.

    Args:
        descriptions: of `sightline.studies.kaduri2025.knockout.descriptions.read_descriptions`.
        judge: who compares.
        seed: of the shuffled images.
        draws: of them.

    Returns:
        `sightline.studies.kaduri2025.knockout.measurements.COLUMNS`.
    """

    @cache
    def compare(reference: str, prediction: str) -> Comparison:
        # Late knockouts change nothing in many images: most texts come more than once.
        return judge.compare(reference, prediction)

    key = ["image_id", "wording"]
    clean = descriptions[descriptions["condition"] == conditions.NONE].set_index(key)["text"]
    shuffled = shuffle_images(descriptions, seed, draws)
    rows = []
    for row in pd.concat([descriptions.assign(draw=0), shuffled]).to_dict("records"):
        reference = clean[row["image_id"], row["wording"]]
        found = compare(reference, row["text"])
        row |= found.to_row() | _gist(row, reference, found)
        objects = row["objects"].replace(";", ", ")
        wanted = row["layers"] in ("", conditions.ALL) and bool(objects)
        row["truth_f1"] = compare(objects, row["text"]).f1 if wanted else NAN
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _gist(row: dict[str, Any], reference: str, found: Comparison) -> dict[str, float]:
    """What is kept of the dominant object, the theme, and all other objects."""
    dominant, theme = row["dominant"], row["theme"]
    details = Comparison(
        *(
            tuple(name for name in names if name != dominant)
            for names in (found.tp, found.fn, found.fp)
        )
    )
    told = bool(dominant) and bool(details.tp or details.fn)
    return {
        "dominant_named": _kept(dominant in found.tp, dominant in (*found.tp, *found.fn)),
        "theme_named": _kept(_says(row["text"], theme), bool(theme) and _says(reference, theme)),
        "detail_precision": details.precision if told else NAN,
        "detail_recall": details.recall if told else NAN,
        "detail_f1": details.f1 if told else NAN,
    }


def _kept(now: bool, before: bool) -> float:
    return float(now) if before else NAN


def _says(text: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) is not None


def main(options: argparse.Namespace) -> None:
    """Judge the descriptions of one model."""
    protocol = Protocol.read(options.protocol)
    names = Coco(options.dataset, options.split).categories.values()
    judged = judge_all(
        read_descriptions(options.descriptions),
        open_judge(protocol.judge, names, options.record),
        protocol.seed,
        protocol.random_draws,
    )
    clean = judged[
        (judged["condition"] == conditions.NONE) & (judged["wording"] == conditions.MAIN)
    ]
    log.info("%6d images described", len(clean))
    log.info("%6d of them left out: the description names no object", (clean["tp"] == "").sum())
    write_parquet(judged, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--descriptions", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--record", type=Path, help="answers of a language model that judges")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
