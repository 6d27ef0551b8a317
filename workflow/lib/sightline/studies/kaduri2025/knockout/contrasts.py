"""The single numbers that claims C2 to C6 rest on, with paired bootstrap intervals over images (dossier section 6).

floor     F1 of another image's description
ceiling   F1 when only the layers after the last point of the curve are without the image, mean of the three knockouts

A window of layers is found on one half of the images and tested on the other, both ways round, so that all images
count (see `crossfit`, which tells how intervals allow for the choice); the halves are the even and the odd places of
the random order. The window that should suffice (C5) is the one with the largest F1 when it alone is open, that of the
rise (C6) the one with the largest share of it, both as means over the three knockouts. No window holds more than 30 %
of the layers. The windows elsewhere that C5 is held against are the best on all images, those they are tested on, which
favours them. The layers that the paper leaves open are given and need no halves.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightline import cli
from sightline.files import write_csv
from sightline.intervals import bootstrap_mean, bootstrap_ratio
from sightline.studies.kaduri2025 import windows
from sightline.studies.kaduri2025.knockout import conditions
from sightline.studies.kaduri2025.knockout.conditions import (
    AS_PUBLISHED,
    GENERATED,
    KNOCKOUTS,
    MAIN,
    NONE,
    QUERY,
    SHUFFLED,
    STRICT,
    VARIANTS,
)
from sightline.studies.kaduri2025.knockout.crossfit import CrossFit, Picks, Weights
from sightline.studies.kaduri2025.knockout.descriptions import DescriptionError
from sightline.studies.kaduri2025.knockout.effects import counted_images
from sightline.studies.kaduri2025.knockout.measurements import read_measurements
from sightline.studies.kaduri2025.windows import Window
from sightline.studies.tables import read_columns

COLUMNS = ("model", "variant", "contrast", "condition", "value", "low", "high", "n", "layers")
"""``layers`` names the windows that a number is about, as first-last: one, or those of either half."""

GATE, FLOOR, CEILING = "truth F1 unmodified", "floor", "ceiling"
ABOVE_FLOOR, BELOW_CEILING = "above floor", "below ceiling"
GENERATED_OVER_QUERY = "image to generated minus image to query"
OPEN_WINDOW = "open window over ceiling"
ABOVE_FIRST, ABOVE_LAST = "open window minus first third", "open window minus last third"
RISE, RISE_SHARE, RISE_END = "rise", "share of the rise", "end of the rise over ceiling"
BEST_SHARE = "largest share of the rise in any window"
OPEN_MIDDLE, MIDDLE_SHARE = "open middle over ceiling", "share of the rise in the middle"
MIDDLE_END = "F1 behind the middle over ceiling"


def level_name(layers: str) -> str:
    """F1 itself with the image hidden in some layers, as `conditions.layers_name` calls them."""
    return f"F1, {layers}"


@dataclass(frozen=True, eq=False)
class Scores:
    """F1 of one model by image, for one variant of the knockout.

    Attributes:
        f1: columns (condition, layers), one row per image in random order.
        truth: F1 of the unmodified description against the annotated objects, where the data set tells the dominant
            object; empty elsewhere, as annotations are not complete.
        depth: layers of the model.
        points: layers after which the image is hidden, ascending, -1 first.
        open_windows: windows that stay open, ascending.
        middle: the layers that the paper leaves open.
    """

    f1: pd.DataFrame
    truth: pd.Series
    depth: int
    points: tuple[int, ...]
    open_windows: tuple[Window, ...]
    middle: Window

    @classmethod
    def of(cls, measurements: pd.DataFrame, variant: str) -> "Scores":
        """Take the rows of one model; the stricter variant differs in the knockout of generated tokens alone."""
        rows = counted_images(measurements)
        rows = rows[rows["wording"] == MAIN]
        other = STRICT if variant == AS_PUBLISHED else AS_PUBLISHED
        rows = rows[~((rows["condition"] == GENERATED) & (rows["variant"] == other))]
        f1 = rows.pivot_table(index="place", columns=["condition", "layers"], values="f1")
        after = rows[rows["family"] == conditions.AFTER]
        held_open = rows[rows["family"] == conditions.EXCEPT_WINDOW]
        middle = rows[rows["family"] == conditions.EXCEPT_MIDDLE]
        clean = rows[(rows["condition"] == NONE) & (rows["dominant"] != "")].set_index("place")
        return cls(
            f1,
            clean["truth_f1"].dropna(),
            int(rows["model_layers"].iloc[0]),
            (-1, *sorted({first - 1 for first in after["first"]})),
            tuple(Window(*pair) for pair in sorted(set(_ends(held_open)))),
            next((Window(*pair) for pair in _ends(middle)), Window(0, -1)),
        )

    def halves(self) -> NDArray[np.bool_] | None:
        """Whether an image stands at an odd place, (images,); None where all stand on one side."""
        odd = self.f1.index.to_numpy() % 2 == 1
        return odd if odd.any() and not odd.all() else None

    def after(self, condition: str, layer: int) -> pd.Series:
        """F1 when the image is hidden strictly after a layer."""
        return self.f1[condition, conditions.after_name(layer)]

    def with_open(self, condition: str, window: Window) -> pd.Series:
        """F1 when the image is hidden everywhere but in a window."""
        return self.f1[condition, conditions.except_name(window)]

    @property
    def floor(self) -> pd.Series | None:
        """F1 of another image's description, mean over its draws; None where there was one image."""
        return self.f1[SHUFFLED, ""] if (SHUFFLED, "") in self.f1 else None

    @property
    def ceiling(self) -> pd.Series:
        """F1 when only the last layers are without the image."""
        return sum(self.after(one, self.points[-1]) for one in KNOCKOUTS) / len(KNOCKOUTS)

    def rises(self) -> list[tuple[int, int]]:
        """Stretches between two points of the curve that hold at most 30 % of the layers, as many as fit."""
        widest = max(1, int(windows.WIDEST * self.depth))
        found = []
        for start in self.points:
            ends = [end for end in self.points if start < end <= start + widest]
            found += [(start, max(ends))] if ends else []
        # Stretches that reach the end of the curve early lie within the one before.
        return [
            one
            for one in found
            if not any(a <= one[0] and one[1] <= b for a, b in found if (a, b) != one)
        ]

    def share(self, condition: str, rise: tuple[int, int]) -> tuple[pd.Series, pd.Series]:
        """By image, the rise of F1 within a stretch and the whole one."""
        start, end = rise
        within = self.after(condition, end) - self.after(condition, start)
        return within, self.after(condition, self.points[-1]) - self.after(condition, -1)


def _ends(rows: pd.DataFrame) -> list[tuple[int, int]]:
    return [
        (int(first), int(last)) for first, last in zip(rows["first"], rows["last"], strict=True)
    ]


@dataclass(frozen=True)
class Drawing:
    """How intervals are drawn."""

    seed: int
    draws: int

    def mean(self, values: pd.Series) -> dict[str, float]:
        """Mean of a value by image."""
        bounds = bootstrap_mean(values, values.index, self.seed, self.draws)
        return {"value": values.mean(), "low": bounds.low, "high": bounds.high, "n": len(values)}

    def ratio(self, top: pd.Series, bottom: pd.Series) -> dict[str, float]:
        """Ratio of two means; NaN over a mean of zero."""
        bounds = bootstrap_ratio(top, bottom, top.index, self.seed, self.draws)
        value = top.sum() / bottom.sum() if bottom.sum() else float("nan")
        return {"value": value, "low": bounds.low, "high": bounds.high, "n": len(top)}

    def crossed(self, scores: Scores) -> CrossFit | None:
        """Both halves of the images; None where there is one only."""
        second = scores.halves()
        return None if second is None else CrossFit.of(second, self.seed, self.draws)


def contrast(measurements: pd.DataFrame, seed: int = 0, draws: int = 2000) -> pd.DataFrame:
    """All contrasts of all models.

    Args:
        measurements: of `sightline.studies.kaduri2025.knockout.judge`.
        seed: of the bootstrap.
        draws: resamples of the bootstrap.

    Returns:
        COLUMNS.
    """
    drawing = Drawing(seed, draws)
    rows = []
    for model, part in measurements.groupby("model", sort=False):
        if counted_images(part).empty:
            continue
        for variant in VARIANTS:
            scores = Scores.of(part, variant)
            found = [*_levels(scores, drawing), *_open_windows(scores, drawing)]
            found += _rises(scores, drawing)
            rows += [{"model": model, "variant": variant} | row for row in found]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(
    contrast: str, numbers: Mapping[str, float], condition: str = "", layers: str = ""
) -> dict:
    return {"contrast": contrast, "condition": condition, "layers": layers, **numbers}


def _levels(scores: Scores, drawing: Drawing) -> Iterator[dict]:
    if len(scores.truth):
        yield _row(GATE, drawing.mean(scores.truth))
    ceiling, floor = scores.ceiling, scores.floor
    last = f"{scores.points[-1] + 1}-{scores.depth - 1}"
    yield _row(CEILING, drawing.mean(ceiling), layers=last)
    if floor is not None:
        yield _row(FLOOR, drawing.mean(floor), SHUFFLED)
    for condition in KNOCKOUTS:
        hidden = scores.after(condition, -1)
        if floor is not None:
            yield _row(ABOVE_FLOOR, drawing.mean(hidden - floor), condition)
        yield _row(BELOW_CEILING, drawing.mean(ceiling - hidden), condition)
        # The conditions that the paper printed numbers of.
        after = [conditions.after_name(point) for point in scores.points]
        for layers in (*after, conditions.EXCEPT_MIDDLE):
            if (condition, layers) in scores.f1:
                yield _row(
                    level_name(layers), drawing.mean(scores.f1[condition, layers]), condition
                )
    difference = scores.after(GENERATED, -1) - scores.after(QUERY, -1)
    yield _row(GENERATED_OVER_QUERY, drawing.mean(difference))


def _open_windows(scores: Scores, drawing: Drawing) -> Iterator[dict]:
    if (GENERATED, conditions.EXCEPT_MIDDLE) in scores.f1:
        for condition in KNOCKOUTS:
            opened = scores.f1[condition, conditions.EXCEPT_MIDDLE]
            numbers = drawing.ratio(opened, scores.ceiling)
            yield _row(OPEN_MIDDLE, numbers, condition, str(scores.middle))
    crossed = drawing.crossed(scores)
    if crossed is None or not scores.open_windows:
        return
    opened = {
        condition: np.stack(
            [scores.with_open(condition, window).to_numpy() for window in scores.open_windows], 1
        )
        for condition in KNOCKOUTS
    }
    together = sum(opened.values())
    picks = crossed.choose(lambda weights: weights @ together)
    best = _named(picks, scores.open_windows)
    ceiling = crossed.weights @ scores.ceiling.to_numpy()
    images = crossed.weights.sum(axis=1)
    for condition, values in opened.items():
        total = crossed.total(values, picks)
        yield _row(OPEN_WINDOW, crossed.numbers(total, ceiling), condition, best)
        for contrast, third in ((ABOVE_FIRST, windows.FIRST), (ABOVE_LAST, windows.LAST)):
            others = [
                number
                for number, window in enumerate(scores.open_windows)
                if windows.third(window, scores.depth) == third
            ]
            if others:
                # The best of the others in every resample, on the images it is tested on: that favours them.
                sums = crossed.weights @ values[:, others]
                other = scores.open_windows[others[int(sums[0].argmax())]]
                numbers = crossed.numbers(total - sums.max(axis=1), images)
                yield _row(contrast, numbers, condition, f"{best} against {other}")


def _named(picks: Picks, candidates: Sequence[object]) -> str:
    """The candidate that either half found for the other, or both if they differ."""
    return " or ".join(dict.fromkeys(str(candidates[int(pick[0])]) for pick in picks))


def _rises(scores: Scores, drawing: Drawing) -> Iterator[dict]:
    for condition in KNOCKOUTS:
        _, whole = scores.share(condition, (-1, scores.points[-1]))
        yield _row(RISE, drawing.mean(whole), condition)
        middle = scores.middle.first, scores.middle.last
        if set(middle) <= set(scores.points):
            numbers = drawing.ratio(*scores.share(condition, middle))
            yield _row(MIDDLE_SHARE, numbers, condition, _stretch(middle))
            numbers = drawing.ratio(scores.after(condition, middle[1]), scores.ceiling)
            yield _row(MIDDLE_END, numbers, condition, _stretch(middle))
    rises, crossed = scores.rises(), drawing.crossed(scores)
    if crossed is None or not rises:
        return
    parts = {condition: _Rise.of(scores, condition, rises) for condition in KNOCKOUTS}
    picks = crossed.choose(lambda weights: sum(part.shares(weights) for part in parts.values()))
    stretches = [_stretch(rise) for rise in rises]
    best = _named(picks, stretches)
    ceiling = crossed.weights @ scores.ceiling.to_numpy()
    for condition, part in parts.items():
        whole = crossed.weights @ part.whole
        numbers = crossed.numbers(crossed.total(part.within, picks), whole)
        yield _row(RISE_SHARE, numbers, condition, best)
        top = int(part.shares(crossed.weights[:1])[0].argmax())
        numbers = drawing.ratio(*scores.share(condition, rises[top]))
        yield _row(BEST_SHARE, numbers, condition, stretches[top])
        numbers = crossed.numbers(crossed.total(part.behind, picks), ceiling)
        yield _row(RISE_END, numbers, condition, best)


@dataclass(frozen=True, eq=False)
class _Rise:
    """The rise of F1 under one knockout, by image: ``within`` and ``behind`` every stretch, and the ``whole``."""

    within: NDArray[np.float64]
    behind: NDArray[np.float64]
    whole: NDArray[np.float64]

    @classmethod
    def of(cls, scores: Scores, condition: str, rises: Sequence[tuple[int, int]]) -> "_Rise":
        within = np.stack([scores.share(condition, rise)[0].to_numpy() for rise in rises], 1)
        behind = np.stack([scores.after(condition, end).to_numpy() for _, end in rises], 1)
        return cls(within, behind, scores.share(condition, rises[0])[1].to_numpy())

    def shares(self, weights: Weights) -> NDArray[np.float64]:
        """Share of the rise within every stretch, (n, stretches); 0 where nothing rises."""
        below = (weights @ self.whole)[:, None]
        within = weights @ self.within
        return np.divide(within, below, out=np.zeros_like(within), where=below != 0)


def _stretch(rise: tuple[int, int]) -> str:
    """Layers that a stretch between two points opens."""
    return str(Window(rise[0] + 1, rise[1]))


def read_contrasts(path: Path | str) -> pd.DataFrame:
    """Contrasts that this module wrote.

    Raises:
        DescriptionError: the file has other columns.
    """
    texts = ("model", "variant", "contrast", "condition", "layers")
    empty = {column: [""] for column in COLUMNS if column not in texts}
    kinds = dict.fromkeys(texts, str)
    return read_columns(
        path, COLUMNS, "contrast_hidden_image", DescriptionError, dtype=kinds, na_values=empty
    )


def main(options: argparse.Namespace) -> None:
    """Write the contrasts."""
    found = contrast(read_measurements(options.measurements), options.seed, options.draws)
    write_csv(found, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--draws", type=int, default=2000, help="resamples of the bootstrap")
    cli.run(main, parser)
