"""How often a judge sorts an object as the labels do: the place of the paper's user study (Table S2, claim C13).

A decision is one object of a pair, named by the label or the judge, and where it is put: in both descriptions, missed,
or invented. The judge agrees where it puts the object in the same place; an object that only one of them names
counts against it. Labels cover the categories of COCO alone, so a language model's words are translated to these, and
what is none of them is left out.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.files import write_csv
from sightline.intervals import Interval, bootstrap_mean, wilson
from sightline.scenes.mentions import Vocabulary
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    REPLICATED,
    Claim,
    write_claims,
)
from sightline.studies.judging.comparison import Comparison, Judge
from sightline.studies.judging.opening import open_judge
from sightline.studies.judging.vocabulary import VocabularyJudge
from sightline.studies.kaduri2025.judge.labels import CATEGORY_NAMES, LabelledPair, labelled_pairs
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.published import find_published, load_published
from sightline.studies.tables import write_table

PLACES = {"tp": "in both", "fn": "missed", "fp": "invented"}
NOWHERE = "not named"
PARSER = "vocabulary parser"
DATASET = "labelled pairs of this software"
STATEMENT = "The language model that judges descriptions agrees with people"
CRITERION = "agreement of at least 90 % on 100 object decisions or more; refuted below 80 %"
FEWEST, ENOUGH, REFUTED = 100, 0.9, 0.8
CAPTION = (
    "Agreement of judges with hand-made labels on {pairs} pairs of free-text descriptions: share of objects put in the "
    "same place (in both, missed, invented), 95 % interval over pairs (never narrower than Wilson's over decisions), "
    "and mean F1 beside that of the labels. "
    "The labels are by the makers of this software, not by independent raters; the paper's user study is known "
    "second-hand only."
)
HEADERS = {"judge": "Judge", "decisions": "Object decisions", "pairs": "Pairs"}


def decide(pairs: Sequence[LabelledPair], judge: Judge, name: str) -> pd.DataFrame:
    """One row per object: judge, pair, object, where the label puts it and where the judge does."""
    rows, vocabulary = [], Vocabulary(CATEGORY_NAMES)
    for number, pair in enumerate(pairs):
        found = translate(judge.compare(pair.reference, pair.prediction), vocabulary)
        labels, said = _places(pair.label), _places(found)
        rows += [
            {
                "judge": name,
                "pair": number,
                "object": one,
                "label": labels.get(one, NOWHERE),
                "said": said.get(one, NOWHERE),
                "agree": labels.get(one) == said.get(one),
                "label_f1": pair.label.f1,
                "f1": found.f1,
            }
            for one in sorted(set(labels) | set(said))
        ]
    return pd.DataFrame(rows)


def translate(found: Comparison, vocabulary: Vocabulary) -> Comparison:
    """The same in names of a vocabulary; words that are none of them fall away."""
    both, missed, invented = (
        {name for word in words for name in vocabulary.mentioned(word)}
        for words in (found.tp, found.fn, found.fp)
    )
    return Comparison.of_sets(both | missed, both | invented)


def _places(comparison: Comparison) -> dict[str, str]:
    return {name: place for column, place in PLACES.items() for name in getattr(comparison, column)}


def summarise(decisions: pd.DataFrame, seed: int, draws: int) -> pd.DataFrame:
    """One row per judge: agreement in percent with its interval, and mean F1 beside that of the labels.

    Args:
        decisions: of `decide`.
        seed: of the resampling.
        draws: resamples of the bootstrap.
    """
    rows = []
    for judge, part in decisions.groupby("judge", sort=False):
        interval = _interval(part, seed, draws)
        by_pair = part.groupby("pair")[["f1", "label_f1"]].first()
        rows.append(
            {
                "judge": judge,
                "pairs": len(by_pair),
                "decisions": len(part),
                "agreement": 100 * part["agree"].mean(),
                "ci_low": 100 * interval.low,
                "ci_high": 100 * interval.high,
                "f1": by_pair["f1"].mean(),
                "label_f1": by_pair["label_f1"].mean(),
                "f1_error": (by_pair["f1"] - by_pair["label_f1"]).abs().mean(),
            }
        )
    return pd.DataFrame(rows)


def _interval(decisions: pd.DataFrame, seed: int, draws: int) -> Interval:
    """Of the share that agree: decisions about one pair of descriptions depend on each other.

    Whole pairs are resampled; where all of them agree that would leave a point, so that Wilson's interval holds there.
    """
    pairs = bootstrap_mean(decisions["agree"], decisions["pair"], seed, draws)
    apart = wilson(int(decisions["agree"].sum()), len(decisions))
    return Interval(min(pairs.low, apart.low), max(pairs.high, apart.high))


def display(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read, the published number below."""
    shown = table[list(HEADERS)].rename(columns=HEADERS).astype(str)
    shown["Agreement, %"] = [
        f"{row['agreement']:.1f} [{row['ci_low']:.1f}, {row['ci_high']:.1f}]"
        for row in table.to_dict("records")
    ]
    shown["Mean F1 (labels)"] = [
        f"{row['f1']:.3f} ({row['label_f1']:.3f})" for row in table.to_dict("records")
    ]
    shown["Mean error of F1"] = [f"{value:.3f}" for value in table["f1_error"]]
    known = find_published(published, "tabS2", "gpt-4o-2024-08-06", "user study", "agreement")
    line = {
        "Judge": "paper, gpt-4o-2024-08-06", "Agreement, %": f"{known.value:g} ({known.trust})",
    }  # fmt: skip
    return pd.concat([shown, pd.DataFrame([line])], ignore_index=True).fillna("unknown")


def judge_agreement(table: pd.DataFrame, published: pd.DataFrame) -> Iterable[Claim]:
    """C13: judged on a language model; the parser's number stands beside and decides nothing."""
    known = find_published(published, "tabS2", "gpt-4o-2024-08-06", "user study", "agreement")
    models = table[table["judge"] != PARSER]
    if models.empty:
        yield Claim.not_run(
            study="kaduri2025",
            claim="C13",
            statement=STATEMENT,
            item="tabS2",
            metric="agreement with labels (percent)",
            model="no language model",
            dataset=DATASET,
            variant="language model",
            need="needs a language model as judge: studies.kaduri2025.judge.kind endpoint or local. The parser that "
            "judges here needs no such check where the vocabulary is closed",
        )
    for row in table.to_dict("records"):
        parser = row["judge"] == PARSER
        if parser or row["decisions"] < FEWEST:
            verdict = INCONCLUSIVE
        elif row["agreement"] >= 100 * ENOUGH and row["ci_low"] > 100 * REFUTED:
            verdict = REPLICATED
        else:
            verdict = NOT_REPLICATED if row["agreement"] < 100 * REFUTED else INCONCLUSIVE
        note = "; the parser is no language model: its number decides nothing" if parser else ""
        yield Claim(
            study="kaduri2025",
            claim="C13",
            statement=STATEMENT,
            item="tabS2",
            metric="agreement with labels (percent)",
            published=None if parser else known.value,
            published_source="" if parser else f"{known.source} ({known.trust})",
            reproduced=row["agreement"],
            ci_low=row["ci_low"],
            ci_high=row["ci_high"],
            n=row["decisions"],
            model=row["judge"],
            dataset=DATASET,
            variant="parser" if parser else "language model",
            criterion=f"{CRITERION}{note}",
            verdict=verdict,
        )


def main(options: argparse.Namespace) -> None:
    """Measure the parser and, where one is configured, the language model."""
    protocol, pairs = Protocol.read(options.protocol), labelled_pairs()
    judges: dict[str, Judge] = {PARSER: VocabularyJudge(CATEGORY_NAMES)}
    if protocol.judge["kind"] != "vocabulary":
        name = protocol.judge.get("model") or protocol.judge["path"]
        judges[name] = open_judge(protocol.judge, CATEGORY_NAMES, options.record)
    decisions = pd.concat([decide(pairs, judge, name) for name, judge in judges.items()])
    table = summarise(decisions, protocol.seed, protocol.bootstrap)
    published = load_published("kaduri2025")
    write_csv(decisions, options.decisions)
    caption = CAPTION.format(pairs=len(pairs))
    write_table(table, options.out, caption, formats=("csv",))
    write_table(display(table, published), options.out, caption, formats=("md", "tex"))
    write_claims(judge_agreement(table, published), options.claims)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--record", type=Path, required=True, help="answers of a language model")
    parser.add_argument("--decisions", type=Path, required=True, help="CSV, one row per object")
    parser.add_argument("--claims", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
