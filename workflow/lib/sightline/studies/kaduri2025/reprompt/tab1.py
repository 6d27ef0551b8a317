"""Table 1 and its supplement: accuracy on MME with the image, with what is kept of it, and without it.

One table per model: every method on every subtask, ACC / ACC+ in percent, and the published rows beside where the
subtasks carry the same names. POPE's three kinds stand at the end of the same rows.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.studies.kaduri2025.paper_models import MAIN_MODEL, paper_models
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.reprompt import methods
from sightline.studies.kaduri2025.reprompt.effects import (
    AVERAGE,
    GATED,
    find_effect,
    read_effects,
)
from sightline.studies.kaduri2025.reprompt.questions import MME, POPE
from sightline.studies.kaduri2025.reprompt.settings import Settings
from sightline.studies.published import UNKNOWN, find_published, load_published
from sightline.studies.tables import write_table

ITEM, PAPER_MODEL = "tab1", MAIN_MODEL
CAPTION = (
    "Accuracy on yes/no pairs, ACC / ACC+ in per cent (chance 50 / 25), when a question is put to the image, to a "
    "context compressed while describing it, or to a description of it (kaduri2025 {item}); averages are unweighted "
    "means of subtasks with 95 % intervals over pictures. Tokens: context and new question. Rows without a "
    "published counterpart are controls. Subtasks in brackets fail the gate ({gate:.0%} under full access). {reader}"
)
OWN_READER = "The description's reader is the model's own language model without an image."
PUBLISHED = "paper, {model}: {row}"


def build(
    effects: pd.DataFrame, model: str, shares: Sequence[float], published: pd.DataFrame | None
) -> pd.DataFrame:
    """The table with every number in a row of its own.

    Args:
        effects: of `sightline.studies.kaduri2025.reprompt.effects.summarise`.
        model: key of the model.
        shares: percent kept, descending.
        published: of `sightline.studies.published.load_published`, or None for a model without published values.

    Returns:
        One line per method, set and subtask: status, n, ACC and ACC+ with intervals, the share of answers that are
        neither yes nor no, tokens, and what is published.
    """
    chosen = effects[effects["model"] == model]
    rows = []
    for method in methods.methods(shares):
        found = chosen[chosen["method"] == method.name]
        for cell in found.to_dict("records"):
            row = {"method": method.name, "title": method.title} | cell
            if published is not None and cell["set"] == MME and method.published:
                row |= _published(published, method.published, cell["subtask"])
            rows.append(row)
    return pd.DataFrame(rows)


def _published(published: pd.DataFrame, row: str, subtask: str) -> dict[str, float | None]:
    found = {
        f"{measure}_published": find_published(
            published, ITEM, PAPER_MODEL, row, f"{subtask} {measure}"
        ).value
        for measure in ("acc", "acc_plus")
    }
    tokens = find_published(published, ITEM, PAPER_MODEL, row, "tokens").value
    return found | ({"tokens_published": tokens} if subtask == AVERAGE else {})


def display(
    effects: pd.DataFrame, model: str, shares: Sequence[float], published: pd.DataFrame | None
) -> pd.DataFrame:
    """The table as it is read: methods below each other, subtasks side by side."""
    mme = effects[(effects["model"] == model) & (effects["set"] == MME)]
    subtasks = [one for one in dict.fromkeys(mme["subtask"]) if one not in (AVERAGE, GATED)]
    gated = set(mme.loc[mme["gated"], "subtask"])
    lines = []
    for method in methods.methods(shares):
        line = {"Method": method.title}
        for subtask in subtasks:
            heading = subtask.replace("_", " ")
            heading = heading.capitalize() if heading.islower() else heading
            cell = find_effect(effects, model, MME, subtask, method.name)
            line[heading if subtask in gated else f"({heading})"] = _pair(cell)
        for name, heading in ((AVERAGE, "Average"), (GATED, "Average, gated")):
            if name in set(mme["subtask"]):
                cell = find_effect(effects, model, MME, name, method.name)
                line[heading] = _pair(cell, interval=True)
        cell = find_effect(effects, model, MME, AVERAGE, method.name)
        line["Tokens"] = UNKNOWN if cell is None else f"{cell['reprompt_tokens']:.0f}"
        cell = find_effect(effects, model, POPE, AVERAGE, method.name)
        line["POPE"] = "" if cell is None else f"{cell['acc']:.1f}"
        lines.append(line)
    further = find_effect(effects, model, POPE, AVERAGE, methods.FULL)
    sizes = _sizes(mme, list(lines[0]))
    lines.append(sizes if further is None else sizes | {"POPE": f"{further['n_images']}"})
    if published is not None:
        lines += [_printed(published, row, list(lines[0])) for row in _printed_rows(shares)]
    return pd.DataFrame(lines).fillna("")


def _printed_rows(shares: Sequence[float]) -> list[str]:
    return [method.published for method in methods.methods(shares) if method.published]


def _sizes(mme: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    full = mme[mme["method"] == methods.FULL].set_index("subtask")["n_images"]
    by_heading = {
        name.strip("()").lower(): name
        for name in columns
        if name not in ("Method", "Tokens", "POPE")
    }
    sizes = {
        by_heading[subtask.replace("_", " ").lower()]: f"{n}"
        for subtask, n in full.items()
        if subtask.replace("_", " ").lower() in by_heading
    }
    return {"Method": "pictures"} | sizes


def _printed(published: pd.DataFrame, row: str, columns: Sequence[str]) -> dict[str, str]:
    line = {"Method": PUBLISHED.format(model=PAPER_MODEL, row=row)}
    for column in columns:
        name = column.strip("()")
        for subtask in (name, name.lower()):
            acc, plus = (
                find_published(published, ITEM, PAPER_MODEL, row, f"{subtask} {measure}").value
                for measure in ("acc", "acc_plus")
            )
            if acc is not None and plus is not None:
                line[column] = f"{acc:.1f} / {plus:.1f}"
    tokens = find_published(published, ITEM, PAPER_MODEL, row, "tokens").value
    return line | {"Tokens": UNKNOWN if tokens is None else f"{tokens:.0f}"}


def _pair(cell: pd.Series | None, interval: bool = False) -> str:
    if cell is None or np.isnan(cell["acc"]):
        return "not run"
    if not interval:
        return f"{cell['acc']:.1f} / {cell['acc_plus']:.1f}"
    return " / ".join(
        f"{cell[name]:.1f} [{cell[f'{name}_low']:.1f}, {cell[f'{name}_high']:.1f}]"
        for name in ("acc", "acc_plus")
    )


def main(options: argparse.Namespace) -> None:
    """Write the table of one model as csv, md and tex."""
    protocol = Protocol.read(options.protocol)
    settings = Settings.of(protocol)
    effects = read_effects(options.effects)
    # The published rows are of one model; the supplement's are unknown.
    paper = paper_models(options.models).get(options.model, "")
    published = load_published("kaduri2025") if paper == PAPER_MODEL else None
    reader = OWN_READER if protocol.judge["kind"] == "vocabulary" else ""
    item = "Table 1" if options.out.name == ITEM else "Table 1 for a second model"
    caption = CAPTION.format(item=item, gate=settings.gate, reader=reader).strip()
    shown = settings.shares
    write_table(
        build(effects, options.model, shown, published), options.out, caption, formats=("csv",)
    )
    write_table(
        display(effects, options.model, shown, published),
        options.out,
        caption,
        formats=("md", "tex"),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--models", nargs="*", required=True, help="keys, in the paper's order")
    parser.add_argument("--model", required=True, help="the one whose table it is")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
