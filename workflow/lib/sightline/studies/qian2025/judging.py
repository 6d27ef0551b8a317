"""Verdicts on C1 to C12 from the study's measurements; what none of them tells, `claims` lists as not run.

    python -m sightline.studies.qian2025.judging --effects effects.csv --masks m/masks.parquet \
        --agreement m/agreement.parquet --gradients m/gradients.csv --nouns e/nouns.parquet \
        --variants variants.parquet --protocol qian2025.json --dataset-name "embedded world" --out claims/measured.csv

Criteria are those of the dossier for models of one's own (section 7.2); a claim on training is judged on segmenters
trained alike, or on released checkpoints by how near they come to the printed numbers (section 7.1).
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.intervals import bootstrap_mean, bootstrap_ratio
from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, REPLICATED, Claim, write_claims
from sightline.studies.qian2025.claims import not_run
from sightline.studies.qian2025.effects import read_effects
from sightline.studies.qian2025.items.cells import Effects
from sightline.studies.qian2025.masks.names import (
    ANOTHER_IMAGE,
    MAP,
    OWN,
    OWN_WITH_POINTS,
    POINTS,
    PUBLISHED,
    SAM,
    TRUTH,
)
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.reproduction import judge_checkpoint
from sightline.studies.qian2025.resampling import Draws, Estimate, Scores, resample
from sightline.studies.verdicts import BESIDE, CONTROL, FEWEST, Finding, grade, headline, together

CRITERIA = {
    "C1": "rank correlation of the two maps at least 0.2 above that with another image's map; the highest place of "
    "either map on the object at least 3 times as often as by chance",
    "C2": "right noun's map correlates more with that of [SEG] than all of 10 other nouns' in at least 80 % of cases",
    "C3": "gIoU from points at least 0.6 of the model's own, and at least twice that with points from another image's "
    "map; testable only where points of the truth reach 0.6 of the model's own",
    "C4": "cIoU of the map, cut at mean plus half a standard deviation, at least that of the model's own masks",
    "C5": "gIoU with points at least one point above that without, interval above zero, three trainings or more",
    "C9": "gIoU: with points above [SEG] alone, and continuous points above others, intervals above zero, three "
    "trainings or more; a released checkpoint shows only whether it uses its points, by two points of gIoU",
    "C10": "cIoU rises with every size of the mask decoder in at least two of three trainings; the demo varies the "
    "decoder, the paper the image encoder",
    "C11": "gIoU of the model given the points it never saw, minus its own, above zero with its interval; nothing is "
    "added to the weights",
    "C12": "gradient of the mask loss in the map above zero with points made continuous on pixels, and zero without",
}  # fmt: skip
NOUN_SOURCE = "noun map: the model's output embedding of the word, since no vision-language encoder is at hand"
PRINTED_C3, PRINTED_C4 = 27.0 / 30.4, 36.4 / 30.4
SOURCE = "derived from Table 1, SESAME, cIoU"
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Tables:
    """Measurements of one model, on the split that is judged."""

    masks: pd.DataFrame
    agreement: pd.DataFrame
    gradients: pd.DataFrame
    nouns: pd.DataFrame
    variants: pd.DataFrame
    scores: Scores
    protocol: Protocol


def minus(one: Draws, two: Draws) -> Draws:
    """In points."""
    return 100 * (one - two)


def over(one: Draws, two: Draws) -> Draws:
    """A share; not a number where nothing was found."""
    return np.divide(one, two, out=np.full_like(one, np.nan), where=two > 0)


def reach(
    metric: str,
    found: Estimate,
    threshold: float,
    floor: float | None = None,
    published: tuple[float | None, str] = (None, ""),
) -> Finding:
    """A number that should reach a threshold."""
    verdict = grade(found.value, found.low, found.high, threshold, floor)
    return Finding(metric, found.value, found.low, found.high, found.n, verdict, *published)


def find_c1(tables: Tables) -> list[Finding]:
    """Agreement beyond that of different images, and the pointing game."""
    here, found = tables.agreement, []
    draws, seed = tables.protocol.bootstrap, tables.protocol.seed
    pair = f"{PUBLISHED} ~ {SAM}"
    both = here[[pair, f"{pair}, another image"]].dropna()
    beyond = (both.iloc[:, 0] - both.iloc[:, 1]).to_numpy()
    interval = bootstrap_mean(beyond, np.arange(len(beyond)), seed, draws)
    found.append(
        reach(
            "rank correlation of the maps in language model and mask decoder, minus that with another image's",
            Estimate(float(beyond.mean()), *interval, len(beyond)), 0.2,
        )
    )  # fmt: skip
    for name, title in ((PUBLISHED, "language model"), (SAM, "mask decoder")):
        hits, share = here[f"hit {name}"].to_numpy(), here["share"].to_numpy()
        interval = bootstrap_ratio(hits, share, np.arange(len(hits)), seed, draws)
        value = Estimate(float(hits.sum() / share.sum()), *interval, len(hits))
        metric = f"highest place of the map in the {title} on the object, over chance"
        found.append(reach(metric, value, 3.0, 1.0))
    return found


def find_c2(tables: Tables) -> list[Finding]:
    """The right noun against others."""
    here = tables.nouns
    if here.empty:
        return []
    values = here["best_map"].astype(float).to_numpy()
    interval = bootstrap_mean(
        values, here["image"], tables.protocol.seed, tables.protocol.bootstrap
    )
    found = Estimate(float(values.mean()), *interval, len(values))
    return [reach("share of expressions whose map agrees best with the right noun's", found, 0.8)]


def find_c3(tables: Tables) -> list[Finding]:
    """Points against own masks and against another image's points; the truth's points as control."""
    scores = tables.scores
    own, points = (own_key(tables), "giou"), ((POINTS, PUBLISHED), "giou")
    found = [
        reach("gIoU from points over own", scores.combine(over, points, own), 0.6),
        reach(
            "gIoU from points over that with another image's map",
            scores.combine(over, points, ((POINTS, ANOTHER_IMAGE), "giou")), 2.0, 1.0,
        ),
        reach(
            "cIoU from points over own",
            scores.combine(over, ((POINTS, PUBLISHED), "ciou"), (own[0], "ciou")), 0.6, None,
            (PRINTED_C3, SOURCE),
        ),
    ]  # fmt: skip
    control = reach(
        "control, gIoU from points of the truth over own",
        scores.combine(over, ((POINTS, TRUTH), "giou"), own), 0.6,
    )  # fmt: skip
    if control.verdict != REPLICATED:
        found = [replace(one, verdict=INCONCLUSIVE) for one in found]
        control = replace(control, verdict=INCONCLUSIVE)
    return [*found, control]


def find_c4(tables: Tables) -> list[Finding]:
    """The cut map against own masks."""
    parts = ((MAP, PUBLISHED), "ciou"), (own_key(tables), "ciou")
    found = tables.scores.combine(over, *parts)
    return [reach("cIoU of the cut map over own", found, 1.0, None, (PRINTED_C4, SOURCE))]


def find_c11(tables: Tables) -> list[Finding]:
    """Points added to a model that never saw them."""
    if own_key(tables)[0] != OWN:
        return []
    parts = ((OWN_WITH_POINTS, PUBLISHED), "giou"), ((OWN, PUBLISHED), "giou")
    found = tables.scores.combine(minus, *parts)
    return [reach("points of gIoU gained by adding points without training", found, 0.0)]


def find_c12(tables: Tables) -> list[Finding]:
    """Gradients in the map with and without continuous points, and beside that in the state."""
    wide = tables.gradients.pivot(index="number", columns="continuous", values=["map", "state"])
    reached = (wide["map", "pixels"] > 0) & (wide["map", "none"] == 0)
    draws, seed = tables.protocol.bootstrap, tables.protocol.seed
    interval = bootstrap_mean(reached.astype(float), wide.index, seed, draws)
    n = len(wide)
    share = Estimate(float(reached.mean()), *interval, n)
    found = [
        reach(
            "share of queries with a gradient in the map through continuous points only",
            share,
            0.95,
        )
    ]
    ratio = bootstrap_ratio(wide["map", "pixels"], wide["state", "pixels"], wide.index, seed, draws)
    value = float(wide["map", "pixels"].sum() / wide["state", "pixels"].sum())
    told = Finding(
        "told beside: loss change by the map over that by the state at [SEG], each by its standard deviation", value,
        *ratio, n, found[0].verdict,
    )  # fmt: skip
    return [*found, told]


def own_key(tables: Tables) -> tuple[str, str]:
    """How the model makes its own masks."""
    model = tables.masks["model"].iloc[0]
    taught = model in tables.protocol.taught_points
    return (OWN_WITH_POINTS if taught else OWN), PUBLISHED


def trained_difference(tables: Tables, one: str, two: str, metric: str) -> Finding | None:
    """Points of gIoU between two trained variants, their common seeds pooled; None if one is not trained."""
    here = tables.variants
    seeds = set(here.loc[here["variant"] == one, "seed"]) & set(
        here.loc[here["variant"] == two, "seed"]
    )
    if not seeds:
        return None
    some = here[here["variant"].isin((one, two)) & here["seed"].isin(seeds)]
    some = some.assign(row=some["number"].astype(str) + "-" + some["seed"].astype(str))
    scores = resample(
        some, ["variant"], "row", "number", tables.protocol.bootstrap, tables.protocol.seed
    )
    found = scores.combine(minus, ((one,), "giou"), ((two,), "giou"))
    finding = reach(f"{metric}, {len(seeds)} trainings each", found, 0.0)
    short = len(seeds) < FEWEST_SEEDS
    return replace(finding, verdict=INCONCLUSIVE) if short else finding


def find_c5(tables: Tables) -> list[Finding]:
    """Points with everything against none."""
    found = trained_difference(tables, "points-dtoc", "seg", "gIoU with points minus that without")
    if found and found.verdict == REPLICATED and found.value < 1:
        found = replace(found, verdict=INCONCLUSIVE)
    return [found] if found else []


def find_c9(tables: Tables) -> list[Finding]:
    """Each part on its own."""
    steps = (
        ("points", "seg", "gIoU with points minus [SEG] alone"),
        ("points-dtoc", "points", "gIoU with continuous points minus others"),
        ("points-truth", "seg", "told beside: gIoU with points of the truth minus [SEG] alone"),
    )
    found = [trained_difference(tables, *step) for step in steps]
    known = [one for one in found if one]
    if not known and own_key(tables)[0] == OWN_WITH_POINTS:
        # A checkpoint taught with points tells at least whether it uses them (dossier section 7.1).
        parts = (own_key(tables), "giou"), ((OWN, PUBLISHED), "giou")
        used = tables.scores.combine(minus, *parts)
        return [reach("gIoU of a model taught with points, minus that without them", used, 2.0)]
    # An effect that cannot be told from none has not been replicated (dossier section 7.2).
    return [
        replace(one, verdict=NOT_REPLICATED)
        if one.verdict == INCONCLUSIVE and " 1 trainings" not in one.metric
        and " 2 trainings" not in one.metric and (one.low or 0) <= 0
        else one
        for one in known
    ]  # fmt: skip


def find_c10(tables: Tables) -> list[Finding]:
    """Rises of cIoU with size, per training."""
    here = tables.variants
    names = ("decoder-small", "points-dtoc", "decoder-large")
    sums = here.groupby(["seed", "variant"])[["intersection", "union"]].sum()
    ratio = (sums["intersection"] / sums["union"]).unstack()
    if not set(names) <= set(ratio) or ratio[list(names)].dropna().empty:
        return []
    rising = ratio[list(names)].dropna()
    steps = (rising.diff(axis=1).iloc[:, 1:] > 0).all(axis=1)
    value, n = float(steps.mean()), int(here["number"].nunique())
    enough = len(steps) >= FEWEST_SEEDS
    verdict = (REPLICATED if value >= 2 / 3 else NOT_REPLICATED) if enough else INCONCLUSIVE
    metric = f"share of {len(steps)} trainings whose cIoU rises with size"
    return [Finding(metric, value, None, None, n, verdict)]


FINDERS = {
    "C1": find_c1, "C2": find_c2, "C3": find_c3, "C4": find_c4, "C5": find_c5, "C9": find_c9,
    "C10": find_c10, "C11": find_c11, "C12": find_c12,
}  # fmt: skip


def judge(tables: Tables, dataset: str) -> Iterator[Claim]:
    """Rows of every claim that was measured: its verdict first, then its numbers."""
    model = tables.masks["model"].iloc[0]
    for claim, finder in FINDERS.items():
        found = finder(tables)
        if not found:
            continue
        base = not_run(claim, model, dataset)
        criterion = f"{CRITERIA[claim]}; {FEWEST} queries or more"
        if claim == "C2":
            criterion += f"; {NOUN_SOURCE}"
        judged = [one for one in found if not one.metric.startswith((CONTROL, BESIDE))]
        if claim == "C3" and found[-1].verdict != REPLICATED:
            criterion += "; not testable here: the SAM cannot use points of the truth"
        yield headline(base, found, criterion, together([one.verdict for one in judged]))
        for one in found:
            yield one.row(base, criterion)


def judged_split(masks: pd.DataFrame) -> str:
    """The last split, which nothing was chosen on."""
    return masks["split"].iloc[-1]


def load(options: argparse.Namespace) -> Tables:
    """Measurements of the judged split; variants of the same."""
    protocol = Protocol.read(options.protocol)
    masks = pd.read_parquet(options.masks)
    split = judged_split(masks)
    masks = masks[masks["split"] == split]
    agreement = pd.read_parquet(options.agreement)
    plain = masks[~masks["variant"].str.contains("share ")]
    scores = resample(
        plain, ["method", "variant"], "number", "number", protocol.bootstrap, protocol.seed
    )
    nouns = [pd.read_parquet(path) for path in options.nouns]
    variants = [pd.read_parquet(path) for path in options.variants]
    empty = pd.DataFrame(columns=["split", "variant", "seed", "number", "intersection", "union"])
    trained = pd.concat(variants, ignore_index=True) if variants else empty
    return Tables(
        masks,
        agreement[agreement["split"] == split],
        pd.read_csv(options.gradients),
        pd.concat(nouns, ignore_index=True) if nouns else pd.DataFrame(),
        trained[trained["split"] == split],
        scores,
        protocol,
    )


def main(options: argparse.Namespace) -> None:
    """Judge one model."""
    tables = load(options)
    effects = Effects(read_effects(options.effects))
    model = tables.masks["model"].iloc[0]
    rows: Sequence[Claim] = [
        *judge(tables, options.dataset_name),
        *judge_checkpoint(effects, model, options.dataset_name),
    ]
    write_claims(rows, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--agreement", type=Path, required=True)
    parser.add_argument("--gradients", type=Path, required=True)
    parser.add_argument("--nouns", type=Path, nargs="*", default=[])
    parser.add_argument("--variants", type=Path, nargs="*", default=[])
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--dataset-name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
