"""Table 1: answers lost when token subsets become the mean token, measured beside published.

Rows follow the paper: object with buffers, register tokens, gradients, random tokens. Below them
come rows that the paper has not: subsets of exactly the object's size, noise in the image, and all
tokens replaced. The two blocks per model are the corrected protocol and the one as published.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.effects import find_effect, read_effects
from sightline.studies.neo2025.judging import AS_PUBLISHED, CORRECTED
from sightline.studies.neo2025.protocol import SETTINGS
from sightline.studies.published import UNKNOWN, find_published, load_published
from sightline.studies.tables import write_table

PAPER_MODELS = ("LLaVA-1.5", "LLaVA-Phi")
NOT_RUN = "not run"
ITEM = "tab1"
PARTS = ("low", "high", "n", "spread_low", "spread_high", "wilson_low", "wilson_high")
HEADERS = {"generative": "Generative", "polling": "Polling", "vqa": "VQA"}
CAPTION = (
    "Correct answers lost (percent, 95 % Wilson interval over images) when subsets of image "
    "tokens are replaced by the mean image token, beside the published values (neo2025 Table 1)."
)


@dataclass(frozen=True)
class Row:
    """One row: its label, where it is measured, and its name in the paper, if it has one."""

    label: str
    condition: str
    variant: str
    published: str = ""


def table_rows(judge: str, sizes: Sequence[int], buffers: Sequence[int]) -> Iterator[Row]:
    """Rows of a block, in the paper's order, then those added here."""
    corrected = judge == CORRECTED
    geometry = subsets.MASK if corrected else subsets.CODE_GEOMETRY
    gradients = subsets.IG_YES if corrected else subsets.IG_CODE
    of_class = "Int. Gradients of the class word"
    names = {buffer: f"+ {buffer} Buffer" if buffer else "Object" for buffer in buffers}
    for buffer, name in names.items():
        condition = subsets.object_condition(buffer)
        yield Row(name, condition, geometry, condition)
    yield Row("Register tokens", subsets.REGISTER, subsets.PROJECTOR, subsets.REGISTER)
    for title, family, variant in (
        ("Int. Gradients", subsets.GRADIENTS, gradients),
        ("Random", subsets.RANDOM, subsets.ANYWHERE),
    ):
        for n in sizes:
            condition = subsets.sized_condition(family, n)
            yield Row(f"{title} ({n})", condition, variant, condition)
    if not corrected:
        return
    for buffer, name in names.items():
        random = subsets.matched_condition(subsets.RANDOM, buffer)
        yield Row(f"Random (as many as {name})", random, subsets.ANYWHERE)
        yield Row(f"Random outside the object (as many as {name})", random, subsets.OUTSIDE)
        condition = subsets.matched_condition(subsets.GRADIENTS, buffer)
        yield Row(f"Int. Gradients (as many as {name})", condition, gradients)
        # The authors' code asks for Yes even where the question has no such answer (section 5.3, B3).
        yield Row(f"{of_class} (as many as {name})", condition, subsets.IG_CLASS)
    yield Row("Register tokens by norms in the tower", subsets.REGISTER, subsets.TOWER)
    yield Row("Noise in the object's patches", subsets.NOISE, subsets.INDEPENDENT)
    yield Row("All tokens", subsets.ALL, "")


def build(effects: pd.DataFrame, models: Sequence[str], published: pd.DataFrame) -> pd.DataFrame:
    """The table with every number in its own column.

    Args:
        effects: of `sightline.studies.neo2025.effects.summarise`.
        models: keys of the models that stand for the paper's first and second model, in this order;
            one that is missing, here or in the effects, is listed as not run.
        published: of `sightline.studies.published.load_published`.

    Returns:
        One line per model, block and row: model, paper_model, protocol, subset, condition, variant,
        status, avg_tokens, avg_tokens_published, and for each setting its decrease in percent with
        _low and _high (of the bootstrap), _n, _spread_low, _spread_high, _wilson_low, _wilson_high
        (see EFFECT_COLUMNS) and _published.
    """
    if len(models) > len(PAPER_MODELS):
        raise SightlineError(
            f"--models: {len(models)} models for a table of {len(PAPER_MODELS)}; name one for each "
            f"of {' and '.join(PAPER_MODELS)}."
        )
    sizes = sorted({int(size) for size in effects["size"].dropna()})
    buffers = _buffers(effects)
    lines = []
    for number, paper_model in enumerate(PAPER_MODELS):
        model = models[number] if number < len(models) else ""
        for judge in (CORRECTED, AS_PUBLISHED):
            for row in table_rows(judge, sizes, buffers):
                lines.append(_line(row, judge, model, paper_model, effects, published))
    return pd.DataFrame(lines)


def _buffers(effects: pd.DataFrame) -> list[int]:
    names = effects.loc[effects["subset"] == subsets.OBJECT, "condition"]
    return [0, *sorted({int(name.rsplit("_", 1)[1]) for name in names if "_plus_" in name})]


def _line(
    row: Row,
    judge: str,
    model: str,
    paper_model: str,
    effects: pd.DataFrame,
    published: pd.DataFrame,
) -> dict:
    found = {
        setting: find_effect(effects, model, setting, judge, row.condition, row.variant)
        for setting in SETTINGS
    }
    measured = [effect for effect in found.values() if effect is not None]

    def printed(column: str) -> float | None:
        return find_published(published, ITEM, paper_model, row.published, column).value

    line = {
        "model": model,
        "paper_model": paper_model,
        "protocol": judge,
        "subset": row.label,
        "condition": row.condition,
        "variant": row.variant,
        "status": "measured" if measured else NOT_RUN,
        # The paper gives one token count per row; here it is that of the ablation set where there
        # is one.
        "avg_tokens": measured[0]["avg_tokens"] if measured else np.nan,
        "avg_tokens_published": printed("avg_tokens"),
    }
    for setting, effect in found.items():
        values = ("decrease_percent", "ci_low", "ci_high", *PARTS[2:])
        columns = [setting, *(f"{setting}_{part}" for part in PARTS)]
        for column, value in zip(columns, values, strict=True):
            line[column] = np.nan if effect is None else effect[value]
        line[f"{setting}_published"] = printed(setting)
    return line


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read: measured values with their interval, published ones beside."""
    columns: dict[str, list[str]] = {
        "Model": [
            f"{model or NOT_RUN} ({paper})"
            for model, paper in zip(table["model"], table["paper_model"], strict=True)
        ],
        "Protocol": list(table["protocol"]),
        "Subset": list(table["subset"]),
        "Avg. tokens": [NOT_RUN if np.isnan(v) else f"{v:.1f}" for v in table["avg_tokens"]],
        "Avg. tokens, published": _printed(table, "avg_tokens_published", "{:.1f}"),
    }
    for setting, title in HEADERS.items():
        columns[title] = [
            NOT_RUN if np.isnan(value) else f"{value:.1f} [{low:.1f}, {high:.1f}]"
            for value, low, high in table[
                [setting, f"{setting}_wilson_low", f"{setting}_wilson_high"]
            ].to_numpy(float)
        ]
        columns[f"{title}, published"] = _printed(table, f"{setting}_published", "{:.2f}")
    return pd.DataFrame(columns)


def _printed(table: pd.DataFrame, column: str, form: str) -> list[str | None]:
    """Published cells: the number, ``unknown`` in rows of the paper, nothing in rows added here."""
    added = table["condition"].str.contains("_like_")
    added |= table["condition"].isin([subsets.NOISE, subsets.ALL])
    added |= table["variant"] == subsets.TOWER
    return [
        None if not printed else UNKNOWN if value is None or np.isnan(value) else form.format(value)
        for value, printed in zip(table[column], ~added, strict=True)
    ]


def main(options: argparse.Namespace) -> None:
    """Write the table as csv, md and tex."""
    table = build(read_effects(options.effects), options.models, load_published("neo2025"))
    write_table(table, options.out, CAPTION, formats=("csv",))
    write_table(display(table), options.out, CAPTION, formats=("md", "tex"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument(
        "--models", nargs="*", required=True, help="keys that stand for LLaVA-1.5 and LLaVA-Phi"
    )
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
