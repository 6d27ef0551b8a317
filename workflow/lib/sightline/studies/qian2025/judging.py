"""Verdicts on C1 to C12 from the study's measurements; what none of them tells, `claims` lists as not run.

    python -m sightline.studies.qian2025.judging --effects effects.csv --masks m/masks.parquet \
        --agreement m/agreement.parquet --gradients m/gradients.csv --nouns e/nouns.parquet \
        --noun-maps m/nouns.parquet --variants variants.parquet --others m/masks.parquet n/masks.parquet \
        --protocol qian2025.json \
        --dataset-name "embedded world" --out claims/measured.csv

Published checkpoints are judged by section 7.1 of the dossier, models of one's own by section 7.2 (`criteria`); a
claim on training on segmenters trained alike, or on released checkpoints by how near they come to the printed numbers.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.intervals import bootstrap_mean, bootstrap_ratio
from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, REPLICATED, Claim, write_claims
from sightline.studies.qian2025.claims import not_run
from sightline.studies.qian2025.criteria import criteria_of, sample_note
from sightline.studies.qian2025.effects import read_effects
from sightline.studies.qian2025.evidence import (
    TITLES,
    Tables,
    beside,
    left_open,
    minus,
    over,
    own_key,
    reach,
)
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
from sightline.studies.qian2025.nouns.verdicts import judge_nouns, read_compared
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.reproduction import is_checkpoint, judge_checkpoint
from sightline.studies.qian2025.resampling import Estimate, Scores, estimate, resample
from sightline.studies.qian2025.trainings import find_c5, find_c9, find_c10
from sightline.studies.verdicts import Finding, as_control, headline, together

PRINTED_C3, PRINTED_C4 = 27.0 / 30.4, 36.4 / 30.4
SOURCE = "derived from Table 1, SESAME, cIoU"


def find_c1(tables: Tables) -> list[Finding]:
    """Agreement beyond that of different images, and the pointing game."""
    here, criterion = tables.agreement, tables.criteria["C1"]
    if here.empty:
        return []
    draws, seed = tables.protocol.bootstrap, tables.protocol.seed
    find = _agree_at_the_median if "median" in criterion.limits else _agree_on_average
    found = find(tables)
    names = {PUBLISHED: "in the language model", SAM: "in the mask decoder"}
    if "untrained" in criterion.limits:
        names["untrained"] = "of an untrained model"
    for name, title in names.items():
        if f"hit {name}" not in here:
            # Large models are not built a second time with random weights.
            found = [left_open(one) for one in found]
            continue
        hits, share = here[f"hit {name}"].to_numpy(), here["share"].to_numpy()
        interval = bootstrap_ratio(hits, share, np.arange(len(hits)), seed, draws)
        value = Estimate(float(hits.sum() / share.sum()), *interval, len(hits))
        metric = f"highest place of the map {title} on the object, over chance"
        least = criterion.limits["pointing"]
        one = reach(metric, value, least, 1.0)
        if name == "untrained":
            one = replace(one, verdict=_at_chance(value, least))
        found.append(one)
    return found


def _agree_at_the_median(tables: Tables) -> list[Finding]:
    """Median of the rank correlations, and how far it lies above nearly all of those of different images."""
    pair = f"{PUBLISHED} ~ {SAM}"
    both = tables.agreement[[pair, f"{pair}, another image"]].dropna().to_numpy()
    random = np.random.default_rng(tables.protocol.seed)
    picks = random.integers(len(both), size=(tables.protocol.bootstrap, len(both)))
    rows = np.concatenate([both[None], both[picks]])
    median, most = np.median(rows[..., 0], axis=1), np.quantile(rows[..., 1], 0.95, axis=1)
    metric = "median rank correlation of the maps in language model and mask decoder"
    return [
        reach(metric, estimate(median, len(both)), tables.criteria["C1"].limits["median"]),
        reach(
            f"{metric}, minus the 95th percentile of that with another image's",
            estimate(median - most, len(both)), 0.0,
        ),
    ]  # fmt: skip


def _agree_on_average(tables: Tables) -> list[Finding]:
    pair = f"{PUBLISHED} ~ {SAM}"
    both = tables.agreement[[pair, f"{pair}, another image"]].dropna()
    beyond = (both.iloc[:, 0] - both.iloc[:, 1]).to_numpy()
    draws, seed = tables.protocol.bootstrap, tables.protocol.seed
    interval = bootstrap_mean(beyond, np.arange(len(beyond)), seed, draws)
    return [
        reach(
            "rank correlation of the maps in language model and mask decoder, minus that with another image's",
            Estimate(float(beyond.mean()), *interval, len(beyond)),
            tables.criteria["C1"].limits["beyond"],
        )
    ]  # fmt: skip


def _at_chance(found: Estimate, trained: float) -> str:
    """Verdict on hits over chance that should be no more than chance, and less than asked of trained models."""
    if found.low > 1:
        return NOT_REPLICATED
    return REPLICATED if found.high < trained else INCONCLUSIVE


def find_c3(tables: Tables) -> list[Finding]:
    """Points against own masks and against another image's points; the truth's points as control."""
    scores, criterion = tables.scores, tables.criteria["C3"]
    least, metric = criterion.limits["own"], criterion.metric
    name, points = TITLES[metric], (POINTS, PUBLISHED)

    def over_own(variant: str, metric: str) -> Estimate:
        parts = ((POINTS, variant), metric), (own_key(tables), metric)
        return scores.combine(over, *parts)

    found = [
        reach(
            f"{name} from points over own", over_own(PUBLISHED, metric), least,
            published=(PRINTED_C3, SOURCE) if metric == "ciou" else (None, ""),
        ),
        reach(
            f"{name} from points over that with another image's map",
            scores.combine(over, (points, metric), ((POINTS, ANOTHER_IMAGE), metric)),
            criterion.limits["another"], 1.0,
        ),
    ]  # fmt: skip
    control = as_control(
        reach(f"{name} from points of the truth over own", over_own(TRUTH, metric), least)
    )
    if control.verdict != REPLICATED:
        found = [replace(one, verdict=INCONCLUSIVE) for one in found]
    other = "giou" if metric == "ciou" else "ciou"
    value = over_own(PUBLISHED, other)
    told = beside(
        f"{TITLES[other]} from points over own", value,
        reach("", value, least).verdict if control.verdict == REPLICATED else INCONCLUSIVE,
    )  # fmt: skip
    if other == "ciou":
        told = replace(told, published=PRINTED_C3, source=SOURCE)
    return [*found, told, control]


def find_c4(tables: Tables) -> list[Finding]:
    """The cut map against own masks; beside that in the other score, and whether it exceeds them, as published."""
    criterion, own = tables.criteria["C4"], own_key(tables)
    least = criterion.limits["own"]
    ciou, giou = (
        tables.scores.combine(over, ((MAP, PUBLISHED), one), (own, one)) for one in ("ciou", "giou")
    )
    metric = "of the cut map over own"
    found = [
        reach(f"cIoU {metric}", ciou, least, published=(PRINTED_C4, SOURCE)),
        beside(f"gIoU {metric}", giou, reach("", giou, least).verdict),
    ]
    if least < 1:
        told = beside(
            f"whether it exceeds own masks, cIoU {metric}", ciou, reach("", ciou, 1.0).verdict
        )
        found.append(replace(told, published=PRINTED_C4, source=SOURCE))
    return found


def find_c11(tables: Tables) -> list[Finding]:
    """Points added to models that never saw them, and the weights that they add."""
    if own_key(tables)[0] != OWN:
        return []
    limits = tables.criteria["C11"].limits
    parts = ((OWN_WITH_POINTS, PUBLISHED), "giou"), ((OWN, PUBLISHED), "giou")
    metric = "points of gIoU gained by adding points without training"
    found = [reach(metric, tables.scores.combine(minus, *parts), limits["gain"])]
    if "models" in limits:
        found += [
            reach(f"{metric}, {name}", scores.combine(minus, *parts), limits["gain"])
            for name, scores in tables.others.items()
        ]
        if len(found) < limits["models"]:
            found = [left_open(one) for one in found]
    added, n = int(tables.gradients["added"].max()), tables.gradients["number"].nunique()
    verdict = NOT_REPLICATED if added else REPLICATED
    return [
        *found,
        Finding("weights that points add to the model's own", added, None, None, n, verdict),
    ]


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
            tables.criteria["C12"].limits["share"],
        )
    ]
    ratio = bootstrap_ratio(wide["map", "pixels"], wide["state", "pixels"], wide.index, seed, draws)
    value = float(wide["map", "pixels"].sum() / wide["state", "pixels"].sum())
    metric = (
        "loss change by the map over that by the state at [SEG], each by its standard deviation"
    )
    told = beside(metric, Estimate(value, *ratio, n), found[0].verdict)
    return [*found, told]


FINDERS = {
    "C1": find_c1, "C3": find_c3, "C4": find_c4, "C5": find_c5, "C9": find_c9,
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
        criterion = tables.criteria[claim].text
        criterion += sample_note(
            claim, tables.criteria[claim], int(tables.masks["number"].nunique())
        )
        judged = [one for one in found if one.decides]
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
    model = masks["model"].iloc[0]
    criteria = criteria_of(model)
    agreement = pd.read_parquet(options.agreement)
    plain = masks[~masks["variant"].str.contains("share ")]
    nouns = [pd.read_parquet(path) for path in options.nouns]
    variants = [pd.read_parquet(path) for path in options.variants]
    empty = pd.DataFrame(columns=["split", "variant", "seed", "number", "intersection", "union"])
    trained = pd.concat(variants, ignore_index=True) if variants else empty
    return Tables(
        masks,
        agreement[agreement["split"] == (criteria["C1"].split or split)],
        pd.read_csv(options.gradients),
        pd.concat(nouns, ignore_index=True) if nouns else pd.DataFrame(),
        trained[trained["split"] == split],
        _resampled(plain, protocol),
        protocol,
        criteria,
        other_stand_ins(options.others, model, split, protocol),
    )


def _resampled(masks: pd.DataFrame, protocol: Protocol) -> Scores:
    by = ["method", "variant"]
    return resample(masks, by, "number", "number", protocol.bootstrap, protocol.seed)


def other_stand_ins(
    paths: Sequence[Path], model: str, split: str, protocol: Protocol
) -> dict[str, Scores]:
    """Scores of the run's other models that were neither published nor taught with points: masks with and without."""
    found = {}
    for path in paths:
        masks = pd.read_parquet(path)
        name = masks["model"].iloc[0]
        if name == model or is_checkpoint(name) or name in protocol.taught_points:
            continue
        wanted = masks["method"].isin((OWN, OWN_WITH_POINTS)) & (masks["variant"] == PUBLISHED)
        found[name] = _resampled(masks[wanted & (masks["split"] == split)], protocol)
    return found


def main(options: argparse.Namespace) -> None:
    """Judge one model."""
    tables = load(options)
    effects = Effects(read_effects(options.effects))
    model = tables.masks["model"].iloc[0]
    compared = read_compared(options.noun_maps, judged_split(tables.masks))
    rows: Sequence[Claim] = [
        *judge(tables, options.dataset_name),
        *judge_nouns(compared, tables.nouns, tables.protocol, model, options.dataset_name),
        *judge_checkpoint(effects, model, options.dataset_name, options.lengths_assumed),
    ]
    write_claims(rows, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--agreement", type=Path, required=True)
    parser.add_argument("--gradients", type=Path, required=True)
    parser.add_argument("--nouns", type=Path, nargs="*", default=[])
    parser.add_argument("--noun-maps", type=Path, nargs="*", default=[])
    parser.add_argument("--variants", type=Path, nargs="*", default=[])
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="masks of all models")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--dataset-name", required=True)
    parser.add_argument(
        "--lengths-assumed", action="store_true", help="long queries are told by how they end"
    )
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
