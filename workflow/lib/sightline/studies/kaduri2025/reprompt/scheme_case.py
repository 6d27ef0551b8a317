"""What Figure 8 shows: tokens that one description chose, sizes of contexts, answers about one picture.

Which image tokens stay is computed from the attention that the page of routes stores, as re-prompting computes it from
its own: mean over heads and over the steps of the description, the largest scores in every layer. Where an image
becomes several tiles, it is computed among the tokens that show all of it.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from sightline.errors import SightlineError
from sightline.studies.kaduri2025.attention.page_columns import GENERATED
from sightline.studies.kaduri2025.reprompt import methods
from sightline.studies.kaduri2025.reprompt.measurements import RepromptError
from sightline.studies.kaduri2025.reprompt.methods import Method
from sightline.studies.kaduri2025.reprompt.questions import MME, by_picture, read_sets

MOST_QUESTIONS = 5


@dataclass(frozen=True, eq=False)
class Look:
    """An image that was described, and what is kept of it.

    Attributes:
        image_id: the image.
        picture: in the tower's frame, JPEG.
        question: that asked for the description.
        text: the description.
        grid: rows and columns of image tokens.
        share: percent of them that is kept.
        kept: layer -> tokens, for the first layer, the middle of the middle ones and the last.
    """

    image_id: int
    picture: bytes
    question: str
    text: str
    grid: tuple[int, int]
    share: float
    kept: dict[int, list[int]]


def read_look(folder: Path, share: float) -> Look:
    """The first image of a page of routes.

    Args:
        folder: tables of the page.
        share: percent.
    """
    images, tokens, maps = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("images", "tokens", "maps")
    )
    image = images.iloc[0]
    said = tokens[(tokens["image_id"] == image["image_id"]) & (tokens["role"] == GENERATED)]
    here = maps[(maps["image_id"] == image["image_id"]) & maps["token"].isin(said["token"])]
    middle = int(image["middle_first"] + image["middle_last"]) // 2
    shown = sorted({0, middle, int(image["layers"]) - 1})
    grid = (int(image["rows"]), int(image["columns"]))
    count = floor(Fraction(str(share)) / 100 * grid[0] * grid[1])
    kept = {}
    for layer in shown:
        scores = np.stack(here.loc[here["layer"] == layer, "values"].to_list()).mean(0)
        kept[layer] = sorted(np.argsort(-scores, kind="stable")[:count].tolist())
    return Look(
        int(image["image_id"]), image["picture"], image["question"], image["text"], grid, share,
        kept,
    )  # fmt: skip


def shown_methods(answers: pd.DataFrame) -> list[Method]:
    """Full access, the query with each share of the image tokens, the query alone.

    Raises:
        RepromptError: nothing was answered with a share of the tokens.
    """
    names = answers["method"].unique()
    both = answers[answers["method"].str.startswith(f"{methods.BOTH} ")]
    found = methods.methods(sorted(both["share"].unique(), reverse=True) or [0.0])
    kinds = (methods.FULL, methods.BOTH, methods.QUERY)
    listed = [one for one in found if one.kind in kinds and one.name in names]
    if not any(one.kind == methods.BOTH for one in listed):
        raise RepromptError(
            "no answer with a share of the image tokens; measure again (snakemake --forcerun answer_again)."
        )
    return listed


def context_rows(answers: pd.DataFrame) -> pd.DataFrame:
    """Of each shown method: tokens in its context, percent of MME's questions answered right, their number."""
    mme = answers[answers["set"] == MME]
    rows = []
    for one in shown_methods(mme):
        here = mme[mme["method"] == one.name]
        tokens, right = here["context_tokens"].mean(), 100 * here["correct"].mean()
        rows.append((one.name, tokens, right, len(here)))
    return pd.DataFrame(rows, columns=["method", "context_tokens", "right", "questions"])


def choose_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Answers of the shown methods about the picture that is most like all: a few questions, all subtasks first.

    It is the one whose share of right answers, with the largest share of tokens, is closest to that of all pictures;
    the first among equals.
    """
    mme = answers[answers["set"] == MME]
    listed = [one.name for one in shown_methods(mme)]
    first = mme[mme["method"] == listed[1]]
    right = first.groupby("picture", sort=False)["correct"].mean()
    picture = (right - first["correct"].mean()).abs().idxmin()
    here = mme[(mme["picture"] == picture) & mme["method"].isin(listed)]
    return here[here["question"].isin(_questions(here[here["method"] == listed[0]]))]


def _questions(asked: pd.DataFrame) -> list[str]:
    """One of each subtask, by turns one that is to be answered with yes and with no; others if there is room."""
    wanted = []
    for number, (_, pair) in enumerate(asked.groupby("subtask", sort=False)):
        truth = "no" if number % 2 else "yes"
        fitting = pair[pair["truth"] == truth]
        wanted.append((fitting if len(fitting) else pair)["question"].iloc[0])
    rest = [one for one in asked["question"] if one not in wanted]
    return (wanted + rest)[:MOST_QUESTIONS]


def picture_of(mme: Path, picture: str) -> Image.Image:
    """A picture of MME by its checksum.

    Raises:
        SightlineError: the folder holds no such picture.
    """
    found = by_picture(read_sets(mme, None, []))
    if picture not in found:
        raise SightlineError(
            f"{mme}: no picture with the checksum {picture}, about which questions were answered. "
            "Answer them again (snakemake --forcerun answer_again)."
        )
    return found[picture][0].one.picture()
