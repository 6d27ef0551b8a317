"""ACC and ACC+ of every method, with paired intervals, and the comparisons that the claims rest on.

ACC is the share of right questions, ACC+ that of pictures with both questions right; a set's value is the unweighted
mean of its subtasks (dossier section 3.6). Intervals resample pictures, the same ones for all methods, so that
differences are paired even where a picture lies in several subtasks. In percent and points.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sightline import cli
from sightline.files import write_csv
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.reprompt import methods
from sightline.studies.kaduri2025.reprompt.measurements import read_answers
from sightline.studies.kaduri2025.reprompt.methods import Method
from sightline.studies.kaduri2025.reprompt.questions import MME
from sightline.studies.kaduri2025.reprompt.settings import Settings

AVERAGE, GATED = "average", "average of gated subtasks"
CHANCE = 50.0
PAIRED = ("acc", "acc_plus")
# Comparisons, by the name they have in tables.
RETAINED, RATIO, RATIO_PLUS = "chance-corrected ratio", "ACC ratio", "ACC+ ratio"
COMPLEMENT, OVER_DESCRIPTION = "both minus better of the two", "context minus description"
OVER_RANDOM, FOLLOW_UP = "top minus random tokens", "query + all image tokens minus full access"


@dataclass(frozen=True)
class Score:
    """A number with what it would be in resamples.

    Attributes:
        value: the estimate.
        draws: (resamples,).
    """

    value: float
    draws: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        """95 % percentile interval, NaN where no resample gives a number."""
        seen = self.draws[np.isfinite(self.draws)]
        return tuple(np.quantile(seen, [0.025, 0.975])) if len(seen) else (np.nan, np.nan)

    def with_other(self, other: "Score", of) -> "Score":
        """A function of two numbers of the same resamples."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return Score(
                float(of(np.float64(self.value), other.value)), of(self.draws, other.draws)
            )


class Scores:
    """Scores of one model on one set, all from the same resamples of pictures."""

    def __init__(self, answers: pd.DataFrame, seed: int, draws: int) -> None:
        """Count per picture and subtask.

        Args:
            answers: of one model and set.
            seed: of the resampling.
            draws: resamples.
        """
        self.answers = answers
        pictures = np.sort(answers["picture"].unique())
        rng = np.random.default_rng(seed)
        self._pictures = pd.Index(pictures)
        self._weights = rng.multinomial(
            len(pictures), np.full(len(pictures), 1 / len(pictures)), size=draws
        ).astype(np.float64)
        self.subtasks = list(dict.fromkeys(answers["subtask"]))
        self._parts = {key: part for key, part in answers.groupby(["method", "subtask"])}
        self._known: dict[tuple[str, str, str], Score | None] = {}

    def of(self, method: str, subtasks: Sequence[str], measure: str) -> Score | None:
        """Mean over subtasks of "acc" or "acc_plus", in percent; None where the method was not run on them."""
        found = [self._subtask(method, subtask, measure) for subtask in subtasks]
        if not found or any(one is None for one in found):
            return None
        values = np.array([one.value for one in found])
        drawn = np.stack([one.draws for one in found])
        # A resample may miss all pictures of a small subtask; the others speak for it.
        seen = np.isfinite(drawn)
        with np.errstate(invalid="ignore"):
            means = np.where(seen, drawn, 0).sum(0) / seen.sum(0)
        return Score(float(values.mean()), means)

    def _subtask(self, method: str, subtask: str, measure: str) -> Score | None:
        key = method, subtask, measure
        if key not in self._known:
            rows = self._parts.get((method, subtask))
            self._known[key] = None if rows is None else self._score(rows, measure)
        return self._known[key]

    def _score(self, rows: pd.DataFrame, measure: str) -> Score:
        by_picture = rows.groupby("picture")["correct"]
        right, total = by_picture.sum(), by_picture.size()
        if measure == "acc_plus":
            right, total = (right == total).astype(int), total * 0 + 1
        right, total = (
            one.reindex(self._pictures, fill_value=0).to_numpy(np.float64) for one in (right, total)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = 100 * (self._weights @ right) / (self._weights @ total)
        return Score(100 * right.sum() / total.sum(), drawn)


def passing(scores: Scores, gate: float) -> list[str]:
    """Subtasks that full access answers well enough, ``gate`` as a share."""
    found = [(one, scores.of(methods.FULL, [one], "acc")) for one in scores.subtasks]
    return [subtask for subtask, score in found if score and score.value >= 100 * gate]


def summarise(answers: pd.DataFrame, gate: float, seed: int, draws: int) -> pd.DataFrame:
    """One row per model, set, subtask (or average) and method.

    Args:
        answers: of `sightline.studies.kaduri2025.reprompt.measurements.read_answers`.
        gate: share that full access must reach for a subtask to count.
        seed: of the resampling.
        draws: resamples.
    """
    rows = []
    for (model, name), part in answers.groupby(["model", "set"], sort=False):
        scores = Scores(part, seed, draws)
        gated = passing(scores, gate)
        for subtask, members in _groups(scores.subtasks, gated):
            for method in dict.fromkeys(part["method"]):
                row = _row(scores, method, members)
                if row:
                    where = {"model": model, "set": name, "subtask": subtask, "method": method}
                    rows.append(where | {"gated": set(members) <= set(gated)} | row)
    return pd.DataFrame(rows)


def _groups(subtasks: Sequence[str], gated: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for subtask in subtasks:
        yield subtask, [subtask]
    yield AVERAGE, list(subtasks)
    if gated:
        yield GATED, list(gated)


def _row(scores: Scores, method: str, subtasks: Sequence[str]) -> dict | None:
    rows = scores.answers
    rows = rows[(rows["method"] == method) & rows["subtask"].isin(subtasks)]
    found = {measure: scores.of(method, subtasks, measure) for measure in PAIRED}
    if any(score is None for score in found.values()):
        return None
    row: dict = {
        "share": rows["share"].iloc[0],
        "subtasks": len(subtasks),
        "n_images": rows["picture"].nunique(),
        "n_questions": len(rows),
    }
    for measure, score in found.items():
        row |= {measure: score.value} | dict(
            zip((f"{measure}_low", f"{measure}_high"), score.interval, strict=True)
        )
    row["unclear"] = 100 * (rows["said"] == "other").mean()
    row["yes"] = 100 * (rows["said"] == "yes").mean()
    row["context_tokens"] = rows["context_tokens"].mean()
    row["reprompt_tokens"] = (rows["context_tokens"] + rows["question_tokens"]).mean()
    return row


def compare(
    answers: pd.DataFrame, shares: Sequence[float], gate: float, seed: int, draws: int
) -> pd.DataFrame:
    """One row per model, set, group of subtasks and comparison.

    Args:
        answers: as for `summarise`.
        shares: percent kept, descending.
        gate: as for `summarise`.
        seed: of the resampling.
        draws: resamples.
    """
    rows = []
    for (model, name), part in answers.groupby(["model", "set"], sort=False):
        scores = Scores(part, seed, draws)
        for group, members in _groups(scores.subtasks, passing(scores, gate)):
            if group not in (AVERAGE, GATED):
                continue
            chosen = part[part["subtask"].isin(members)]
            for comparison, share, score in _comparisons(scores, members, shares):
                low, high = score.interval
                rows.append(
                    {
                        "model": model,
                        "set": name,
                        "subtasks": group,
                        "n_subtasks": len(members),
                        "comparison": comparison,
                        "share": share,
                        "value": score.value,
                        "ci_low": low,
                        "ci_high": high,
                        "n_images": chosen["picture"].nunique(),
                    }
                )
    return pd.DataFrame(rows)


def _comparisons(
    scores: Scores, subtasks: Sequence[str], shares: Sequence[float]
) -> Iterator[tuple[str, float, Score]]:
    def acc(kind: str, share: float = 0.0, measure: str = "acc") -> Score | None:
        return scores.of(Method(kind, share).name, subtasks, measure)

    full, full_plus = acc(methods.FULL), acc(methods.FULL, measure="acc_plus")
    query, described = acc(methods.QUERY), acc(methods.DESCRIBE)
    for share in shares:
        both, alone = acc(methods.BOTH, share), acc(methods.IMAGE, share)
        plus, random = acc(methods.BOTH, share, "acc_plus"), acc(methods.RANDOM, share)
        if both and full:
            yield RATIO, share, both.with_other(full, lambda a, b: a / b)
            yield RETAINED, share, both.with_other(full, retained)
        if plus and full_plus:
            yield RATIO_PLUS, share, plus.with_other(full_plus, lambda a, b: a / b)
        if both and query and alone:
            better = query.with_other(alone, np.maximum)
            yield COMPLEMENT, share, both.with_other(better, np.subtract)
        if both and described:
            yield OVER_DESCRIPTION, share, both.with_other(described, np.subtract)
        if both and random:
            yield OVER_RANDOM, share, both.with_other(random, np.subtract)
    whole = acc(methods.WHOLE)
    if whole and full:
        yield FOLLOW_UP, 100.0, whole.with_other(full, np.subtract)


def retained(kept: ArrayLike, full: ArrayLike) -> np.ndarray:
    """Share of what full access has above chance; NaN where that is nothing."""
    above = np.asarray(full) - CHANCE
    return np.where(above > 0, (np.asarray(kept) - CHANCE) / np.where(above > 0, above, 1), np.nan)


def read_effects(path: Path | str) -> pd.DataFrame:
    """What `summarise` wrote."""
    return pd.read_csv(path)


def read_comparisons(path: Path | str) -> pd.DataFrame:
    """What `compare` wrote."""
    return pd.read_csv(path)


def find_effect(
    effects: pd.DataFrame, model: str, name: str, subtask: str, method: str
) -> pd.Series | None:
    """One row of the effects."""
    wanted = {"model": model, "set": name, "subtask": subtask, "method": method}
    rows = effects
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return None if rows.empty else rows.iloc[0]


def on_pruned(answers: pd.DataFrame, pruned: pd.DataFrame) -> pd.DataFrame:
    """Answers of all methods to the questions that pruning was measured on."""
    key = ["model", "subtask", "picture", "truth", "question"]
    asked = pruned[key].drop_duplicates()
    same = answers[answers["set"] == MME].merge(asked, on=key)
    return pd.concat([same, pruned], ignore_index=True)


def main(options: argparse.Namespace) -> None:
    """Write effects and comparisons of all models."""
    protocol = Protocol.read(options.protocol)
    settings, seed, draws = Settings.of(protocol), protocol.seed, protocol.bootstrap
    answers = read_answers(options.answers)
    write_csv(summarise(answers, settings.gate, seed, draws), options.out)
    write_csv(compare(answers, settings.shares, settings.gate, seed, draws), options.comparisons)
    pruned = on_pruned(answers, read_answers(options.pruned))
    write_csv(summarise(pruned, 0.0, seed, draws), options.pruning)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=Path, nargs="+", required=True, help="one per model")
    parser.add_argument("--pruned", type=Path, nargs="+", required=True, help="one per model")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--comparisons", type=Path, required=True)
    parser.add_argument("--pruning", type=Path, required=True, help="effects on pruned questions")
    cli.run(main, parser)
