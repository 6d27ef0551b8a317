"""Tables 1 to 7 and the table of rules: what was measured, beside what the paper prints.

python -m sightline.studies.qian2025.items.tables --item tab1 --effects effects.csv --protocol qian2025.json \
        --out results/demo/qian2025/tab1
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.studies.qian2025.effects import read_effects
from sightline.studies.qian2025.items.cells import (
    LARGE,
    Effects,
    Printed,
    measured_rows,
    published_row,
)
from sightline.studies.qian2025.masks.names import (
    ANOTHER_IMAGE,
    BEST,
    CENTRE,
    MAP,
    OWN,
    OWN_WITH_POINTS,
    POINTS,
    PUBLISHED,
    SAM,
    SAM_BEFORE,
    TRUTH,
    cut_at,
)
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.tables import write_table

Rows = list[dict[str, object]]
BOTH = ("gIoU", "cIoU")
TITLES = {
    "tab1": "What [SEG] knows (percent, 95 % bootstrap interval over queries): the model's own masks, masks of the "
    "unmodified SAM from points of the similarity map, and the map itself cut at its mean plus half a standard "
    "deviation; below, variants and controls, and the map cut at fixed shares of its range and at the one that is "
    "best on the first split (qian2025 Table 1).",
    "tab2": "ReasonSeg, short and long queries apart, by teacher forcing (percent; qian2025 Table 2). Copies of the "
    "data on a hub do not say which queries are long: there, those that end like a sentence.",
    "tab3": "ReasonSeg test with models of 13 B weights (percent; qian2025 Table 3). Copies of the data on a hub do "
    "not say which queries are long: there, those that end like a sentence.",
    "tab4": "Referring expressions by teacher forcing, cIoU in percent (qian2025 Table 4).",
    "tab5": "False premises by generation: See is the share of right decisions on presence, Segment the cIoU over "
    "all queries (percent; qian2025 Table 5).",
    "tab6": "Segmenters trained alike but for what prompts the mask decoder (percent; qian2025 Table 6).",
    "tab7": "Segmenters with mask decoders of three sizes; the paper varies the SAM's image encoder instead (percent; "
    "qian2025 Table 7).",
    "tab_ablations": "Rules for points, without training: masks of the unmodified SAM and of the model itself given "
    "the points beside [SEG] (percent); what is called as published follows the rule of the run's settings.",
}  # fmt: skip
CONTROLS = (ANOTHER_IMAGE, "another query", "random", "norm", CENTRE, "input", "untrained")
TRAINED = {
    "tab6": {
        "seg": ("[SEG] alone", "SEG"),
        "points": ("[SEG] and points", "SEG + points"),
        "points-dtoc": ("[SEG] and points, continuous", "SEG + points + DtoC"),
        "points-dtoc-cells": ("the same, continuous on cells", ""),
        "points-another": ("control: points of another image's map", ""),
        "points-neutral": ("control: neutral points", ""),
        "points-truth": ("bound: points from the truth", ""),
    },
    "tab7": {
        "decoder-small": ("1 layer, inner width 64", "ViT-B"),
        "points-dtoc": ("2 layers, inner width 128", "ViT-L"),
        "decoder-large": ("3 layers, inner width 256", "ViT-H"),
    },
}
"""Variant -> its label, and its row in the paper."""


def tab1(effects: Effects, protocol: Protocol) -> Rows:
    """Own masks, points to the original SAM, and the map, per split; then variants and controls."""
    printed = Printed("tab1")
    columns = {
        "own gIoU": ("test", "own gIoU"), "own cIoU": ("test", "own cIoU"),
        "points gIoU": ("test", "points gIoU"), "points cIoU": ("test", "points cIoU"),
        "map cIoU": ("test", "map IoU"),
    }  # fmt: skip
    rows = [
        published_row(printed, model, columns, effects.models)
        | {"split": "test", "map": "as published"}
        for model in printed.models
    ]
    splits = list(protocol.queries)
    for model in effects.models:
        maps = [
            PUBLISHED, "cosine", f"state {_other(protocol)} the token", "not normed", BEST, SAM,
            SAM_BEFORE, *CONTROLS, TRUTH,
        ]  # fmt: skip
        for split in splits:
            for name in maps:
                methods = {OWN: _own(model, protocol), POINTS: POINTS, MAP: MAP}
                found = {
                    f"{title} {metric}": effects.find("masks", model, split, method, name, metric)
                    for title, method in methods.items()
                    for metric in BOTH
                }
                rows += [row | {"split": split, "map": name} for row in measured_rows(model, found)]
            for name in (PUBLISHED, BEST, SAM):
                best = effects.best_share(model, splits[0], name)
                cuts = [(cut_at(name, share), "") for share in protocol.shares]
                cuts.append((f"{name}, share {best}", f" (best on {splits[0]})"))
                for cut, note in cuts:
                    found = {
                        f"{MAP} {metric}": effects.find("masks", model, split, MAP, cut, metric)
                        for metric in BOTH
                    }
                    label = f"{name}, cut at {cut.rsplit(' ', 1)[1]} of its range{note}"
                    rows += [
                        row | {"split": split, "map": label} for row in measured_rows(model, found)
                    ]
    return rows


def _own(model: str, protocol: Protocol) -> str:
    """How a model makes its own masks: with points, if it was taught so."""
    return OWN_WITH_POINTS if model in protocol.taught_points else OWN


def _other(protocol: Protocol) -> str:
    return "before" if protocol.position == "at" else "at"


def tab2(effects: Effects, protocol: Protocol) -> Rows:
    """Models of 7 B weights, and those of the demo."""
    return _reasonseg("tab2", effects, protocol, large=False)


def tab3(effects: Effects, protocol: Protocol) -> Rows:
    """Models of 13 B weights."""
    return _reasonseg("tab3", effects, protocol, large=True)


def _reasonseg(item: str, effects: Effects, protocol: Protocol, large: bool) -> Rows:
    printed = Printed(item)
    places = (("val", "all"), ("test", "short"), ("test", "long"), ("test", "all"))
    if large:
        places = places[1:]
    cells = {
        f"{split}{f' {subset}' if subset != 'all' else ''} {metric}": (
            split if subset == "all" else f"{split} {subset}", metric,
        )
        for split, subset in places
        for metric in BOTH
    }  # fmt: skip
    rows = [published_row(printed, model, cells, effects.models) for model in printed.models]
    for model in effects.models:
        if (LARGE in model) == large:
            method = _own(model, protocol)
            found = {
                f"{split}{f' {subset}' if subset != 'all' else ''} {metric}": effects.find(
                    "masks", model, split, method, PUBLISHED, metric, subset
                )
                for split, subset in places
                for metric in BOTH
            }
            rows += measured_rows(model, found)
    return rows


def tab4(effects: Effects, protocol: Protocol) -> Rows:
    """Referring expressions, by cIoU."""
    printed = Printed("tab4")
    names = [
        *(f"{name} {split}" for name in ("refcoco", "refcoco+") for split in ("val", "testA", "testB")),
        "refcocog val", "refcocog test",
    ]  # fmt: skip
    cells = {name: (name, "cIoU") for name in names}
    rows = [published_row(printed, model, cells, effects.refer_models) for model in printed.models]
    for model in effects.refer_models:
        found = {name: effects.find("refer", model, name, OWN, "", "cIoU") for name in names}
        rows += measured_rows(model, found)
    return rows


def tab5(effects: Effects, protocol: Protocol) -> Rows:
    """See and Segment with false premises."""
    printed = Printed("tab5")
    places = [
        (f"{name} val", metric)
        for name in ("fprefcoco", "fprefcoco+", "fprefcocog")
        for metric in ("See", "Segment")
    ]
    cells = {" ".join(place): place for place in places}
    rows = [published_row(printed, model, cells, effects.refer_models) for model in printed.models]
    for model in effects.refer_models:
        found = {
            " ".join(place): effects.find("refer", model, place[0], OWN, "", place[1])
            for place in places
        }
        rows += measured_rows(model, found)
    return rows


def tab6(effects: Effects, protocol: Protocol) -> Rows:
    """Parts of the method."""
    return _trained("tab6", effects, protocol)


def tab7(effects: Effects, protocol: Protocol) -> Rows:
    """Sizes."""
    return _trained("tab7", effects, protocol)


def _trained(item: str, effects: Effects, protocol: Protocol) -> Rows:
    printed, rows = Printed(item), []
    for label in dict.fromkeys(paper for _, paper in TRAINED[item].values() if paper):
        cells = {f"val {metric}": (label, metric) for metric in BOTH}
        rows.append(published_row(printed, "READ-7B", cells, []) | {"variant": label})
    models = effects.trained_models() or ["demo"]
    for model in models:
        for variant, (label, _) in TRAINED[item].items():
            seeds = effects.seeds(model, variant)
            found = {
                f"{split} {metric}": effects.find(
                    "variants", model, split, "trained", variant, metric, seeds
                )
                for split in protocol.queries
                for metric in BOTH
            }
            own = measured_rows(model, found) or [{"model": model, "source": "not run"}]
            rows += [row | {"variant": label, "trainings": seeds} for row in own]
    return rows


def tab_ablations(effects: Effects, protocol: Protocol) -> Rows:
    """Everything that only the rule for points changes."""
    rows: Rows = []
    maps = {
        PUBLISHED,
        "cosine",
        BEST,
        SAM,
        *CONTROLS,
        "not normed",
        f"state {_other(protocol)} the token",
    }
    for model in effects.models:
        rules = [
            name for name in effects.names("masks", model, "variant")
            if name not in maps - {PUBLISHED} and "share" not in name and name != SAM_BEFORE
        ]  # fmt: skip
        for name in ("no points", *rules):
            none = name == "no points"
            found = {
                f"{method}, {split} {metric}": effects.find(
                    "masks",
                    model,
                    split,
                    OWN if none and method == OWN_WITH_POINTS else method,
                    PUBLISHED if none and method == OWN_WITH_POINTS else name,
                    metric,
                )
                for method in (POINTS, OWN_WITH_POINTS)
                for split in protocol.queries
                for metric in BOTH
            }
            rows += [row | {"rule": name} for row in measured_rows(model, found)]
    return rows


ITEMS: dict[str, Callable[[Effects, Protocol], Rows]] = {
    "tab1": tab1, "tab2": tab2, "tab3": tab3, "tab4": tab4, "tab5": tab5, "tab6": tab6, "tab7": tab7,
    "tab_ablations": tab_ablations,
}  # fmt: skip
FIRST = ("model", "source", "split", "map", "variant", "trainings", "rule")


def build(item: str, effects: Effects, protocol: Protocol) -> pd.DataFrame:
    """One table; columns that name rows come first."""
    frame = pd.DataFrame(ITEMS[item](effects, protocol))
    names = [name for name in FIRST if name in frame]
    return frame[[*names, *(name for name in frame if name not in FIRST)]]


def main(options: argparse.Namespace) -> None:
    """Write one table."""
    effects = Effects(read_effects(options.effects))
    frame = build(options.item, effects, Protocol.read(options.protocol))
    write_table(frame, options.out, TITLES[options.item], digits=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--item", choices=tuple(ITEMS), required=True)
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
