"""Figure 1: where the attention of generated tokens goes, layer by layer; for a second model the supplement's.

Depth is drawn as a fraction, so that models of any depth, and the published curves, share an axis.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sightline import cli
from sightline.studies.drawing import (
    INK,
    legend_below,
    new_figure,
    save_figure,
)
from sightline.studies.kaduri2025.attention.depth_axis import depth_axis, depths, shade_middle
from sightline.studies.kaduri2025.attention.effects import read_effects
from sightline.studies.kaduri2025.attention.fractions import SHARES
from sightline.studies.kaduri2025.attention.measurements import (
    ALL_KEYS,
    FIRST,
    TEXT,
    WITHOUT_FIRST,
)
from sightline.studies.kaduri2025.attention.paper import ROWS, share_curve
from sightline.studies.kaduri2025.looks import TOKENS
from sightline.studies.kaduri2025.paper_models import paper_models
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.windows import Window
from sightline.studies.published import load_published

TITLES = {ALL_KEYS: "all keys, as published", WITHOUT_FIRST: "without the first position (BOS)"}
COLUMNS = (
    "source", "model", "keys", "role", "layer", "depth_fraction", "n", "tokens", "mean", "sd", "ci_low", "ci_high",
)  # fmt: skip


def share_data(
    fractions: pd.DataFrame, published: pd.DataFrame, model: str, paper: str
) -> pd.DataFrame:
    """Numbers of one model's figure, COLUMNS.

    Args:
        fractions: of `sightline.studies.kaduri2025.attention.fractions.summarise`.
        published: of `sightline.studies.published.load_published`.
        model: key of the model.
        paper: the paper's model that it stands for; empty for none.
    """
    own = fractions[fractions["model"] == model]
    drawn = own[own["role"].isin((*SHARES, FIRST))].copy()
    drawn["source"] = "this run"
    drawn["depth_fraction"] = (drawn["layer"] + 0.5) / drawn["model_layers"]
    parts = [drawn.reindex(columns=list(COLUMNS))]
    for role in SHARES:
        curve = share_curve(published, paper, role)
        parts.append(
            pd.DataFrame(
                {
                    "source": "published", "model": paper, "keys": ALL_KEYS, "role": role,
                    "layer": np.arange(len(curve)), "depth_fraction": depths(len(curve)), "mean": curve,
                },
                columns=list(COLUMNS),
            )
        )  # fmt: skip
    numbers = {column: "float64" for column in COLUMNS[5:]}
    return pd.concat([part.astype(numbers) for part in parts if len(part)], ignore_index=True)


def draw(shares: pd.DataFrame, model: str, depth: int, middle: Window) -> Figure:
    """Two panels: attention over all keys, and over all but the first position."""
    with new_figure(columns=2, height=2.85, columns_of_axes=2, sharey=True) as (figure, panels):
        for axes, (keys, title) in zip(panels, TITLES.items(), strict=True):
            _draw_panel(axes, shares[shares["keys"] == keys])
            shade_middle(axes, middle, depth)
            axes.set_title(title)
            known = shares[(shares["source"] == "published") & (shares["keys"] == keys)]
            depth_axis(axes, depth, known["layer"].nunique())
        own = shares[shares["source"] == "this run"]
        panels[0].set_ylim(0, 1.02)
        panels[0].set_ylabel(
            f"share of attention, {model}\n"
            f"n = {own['n'].max():.0f} descriptions, {own['tokens'].max():.0f} tokens"
        )
        legend_below(figure, panels, columns=3)
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    own, paper = (rows[rows["source"] == source] for source in ("this run", "published"))
    for role in SHARES:
        here = own[own["role"] == role].sort_values("layer")
        look = TOKENS[role]
        x, y = here["depth_fraction"], here["mean"]
        low, high = np.clip(y - here["sd"], 0, 1), np.clip(y + here["sd"], 0, 1)
        axes.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)
        label = "query (all prompt text)" if role == TEXT else ROWS[role]
        axes.plot(x, y, **(look | {"linestyle": "-"}), label=f"{label}, ± 1 s.d.")
        printed = paper[paper["role"] == role].sort_values("layer")
        if len(printed):
            name = f"{ROWS[role]}, published, {printed['model'].iloc[0]}"
            axes.plot(
                printed["depth_fraction"], printed["mean"], color=look["color"], linewidth=0.8,
                linestyle=(0, (2, 1)), label=name,
            )  # fmt: skip
    first = own[own["role"] == FIRST].sort_values("layer")
    if len(first):
        axes.plot(
            first["depth_fraction"], first["mean"], color=INK, linestyle=":", linewidth=0.9,
            label="first position alone",
        )  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """Draw the figure of one model and write its numbers."""
    fractions = read_effects(options.effects, "fractions")
    paper = paper_models(options.models).get(options.model, "")
    shares = share_data(fractions, load_published("kaduri2025"), options.model, paper)
    depth = int(fractions.loc[fractions["model"] == options.model, "model_layers"].iloc[0])
    middle = Protocol.read(options.protocol).middle(options.model, depth)
    save_figure(draw(shares, options.model, depth, middle), options.out, shares)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--models", nargs="*", required=True, help="keys, in the paper's order")
    parser.add_argument("--model", required=True, help="the one that is drawn")
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
