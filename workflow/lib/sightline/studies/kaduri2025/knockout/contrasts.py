"""The single numbers that claims C2 to C6 rest on, with paired bootstrap intervals over images (dossier section 6).

floor     F1 of another image's description
ceiling   F1 when only the layers after the last point of the curve are without the image, mean of the three knockouts

A window of layers is found on one half of the images, those at even places of the random order, and its numbers come
from the other half. The window that should suffice (C5) is the one with the largest F1 when it alone is open, that of
the rise (C6) the one with the largest share of it, both as means over the three knockouts. No window holds more than
30 % of the layers.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

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
from sightline.studies.kaduri2025.knockout.descriptions import DescriptionError
from sightline.studies.kaduri2025.knockout.effects import counted_images
from sightline.studies.kaduri2025.knockout.measurements import read_measurements
from sightline.studies.kaduri2025.windows import Window
from sightline.studies.tables import read_columns

COLUMNS = ("model", "variant", "contrast", "condition", "value", "low", "high", "n", "layers")
"""``layers`` names the window that a number is about, as first-last."""

GATE, FLOOR, CEILING = "truth F1 unmodified", "floor", "ceiling"
ABOVE_FLOOR, BELOW_CEILING = "above floor", "below ceiling"
GENERATED_OVER_QUERY = "image to generated minus image to query"
OPEN_WINDOW = "open window over ceiling"
ABOVE_FIRST, ABOVE_LAST = "open window minus first third", "open window minus last third"
RISE, RISE_SHARE, RISE_END = "rise", "share of the rise", "end of the rise over ceiling"
BEST_SHARE = "largest share of the rise in any window"
OPEN_MIDDLE, MIDDLE_SHARE = "open middle over ceiling", "share of the rise in the middle"


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

    def half(self, test: bool) -> "Scores":
        """Images at odd places for testing, those at even places for finding windows."""
        f1 = self.f1[self.f1.index % 2 == int(test)]
        return Scores(f1, self.truth, self.depth, self.points, self.open_windows, self.middle)

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
    difference = scores.after(GENERATED, -1) - scores.after(QUERY, -1)
    yield _row(GENERATED_OVER_QUERY, drawing.mean(difference))


def _open_windows(scores: Scores, drawing: Drawing) -> Iterator[dict]:
    if (GENERATED, conditions.EXCEPT_MIDDLE) in scores.f1:
        for condition in KNOCKOUTS:
            opened = scores.f1[condition, conditions.EXCEPT_MIDDLE]
            numbers = drawing.ratio(opened, scores.ceiling)
            yield _row(OPEN_MIDDLE, numbers, condition, str(scores.middle))
    choosing, testing = scores.half(test=False), scores.half(test=True)
    if choosing.f1.empty or testing.f1.empty or not scores.open_windows:
        return
    best = _best(choosing, KNOCKOUTS)
    for condition in KNOCKOUTS:
        opened = testing.with_open(condition, best)
        yield _row(OPEN_WINDOW, drawing.ratio(opened, testing.ceiling), condition, str(best))
        for contrast, third in ((ABOVE_FIRST, windows.FIRST), (ABOVE_LAST, windows.LAST)):
            others = [w for w in scores.open_windows if windows.third(w, scores.depth) == third]
            if others:
                # The best of the others is found on the images it is tested on, which favours them.
                other = _best(testing, (condition,), others)
                difference = opened - testing.with_open(condition, other)
                yield _row(contrast, drawing.mean(difference), condition, f"{best} and {other}")


def _best(
    scores: Scores, knockouts: Sequence[str], among: Sequence[Window] | None = None
) -> Window:
    """Window with the largest mean F1 while it alone is open."""
    known = scores.open_windows if among is None else among
    return max(known, key=lambda w: sum(scores.with_open(one, w).mean() for one in knockouts))


def _rises(scores: Scores, drawing: Drawing) -> Iterator[dict]:
    choosing, testing = scores.half(test=False), scores.half(test=True)
    for condition in KNOCKOUTS:
        _, whole = scores.share(condition, (-1, scores.points[-1]))
        yield _row(RISE, drawing.mean(whole), condition)
        middle = scores.middle.first, scores.middle.last
        if set(middle) <= set(scores.points):
            numbers = drawing.ratio(*scores.share(condition, middle))
            yield _row(MIDDLE_SHARE, numbers, condition, _stretch(middle))
    rises = scores.rises()
    if choosing.f1.empty or testing.f1.empty or not rises:
        return
    best = max(rises, key=lambda rise: sum(_share(choosing, one, rise) for one in KNOCKOUTS))
    for condition in KNOCKOUTS:
        yield _row(
            RISE_SHARE, drawing.ratio(*testing.share(condition, best)), condition, _stretch(best)
        )
        top = max(rises, key=lambda rise, one=condition: _share(testing, one, rise))
        numbers = drawing.ratio(*testing.share(condition, top))
        yield _row(BEST_SHARE, numbers, condition, _stretch(top))
        numbers = drawing.ratio(testing.after(condition, best[1]), testing.ceiling)
        yield _row(RISE_END, numbers, condition, _stretch(best))


def _share(scores: Scores, condition: str, rise: tuple[int, int]) -> float:
    within, whole = scores.share(condition, rise)
    return within.mean() / whole.mean() if whole.mean() else 0.0


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
