"""Fig. 2 (a) to (d): which ways from the image to the text stay open under each knockout, on one prompt of the run.

Rows are positions of the question and of the description, columns what they look at. The area of a square is the share
of attention in the unmodified run; what a knockout removes is what the replay engine is told to remove.
"""

import argparse
import textwrap
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sightline import cli
from sightline.studies.drawing import INK, MUTED, WIDTHS, save_figure
from sightline.studies.kaduri2025.attention.measurements import ROLES
from sightline.studies.kaduri2025.knockout.conditions import (
    ALL,
    AS_PUBLISHED,
    BOTH,
    GENERATED,
    LABELS,
    NONE,
    QUERY,
    Cut,
)
from sightline.studies.kaduri2025.knockout.descriptions import DescriptionError
from sightline.studies.kaduri2025.knockout.edges import ASKED, SAID, interventions, is_cut
from sightline.studies.kaduri2025.knockout.measurements import as_published, read_measurements
from sightline.studies.kaduri2025.knockout.routes import KEYS, Routes, read_routes
from sightline.studies.kaduri2025.looks import TOKENS
from sightline.studies.shapes import PAPER, PLAIN, canvas

SHOWN = (NONE, GENERATED, QUERY, BOTH)
COLORS = {role: TOKENS[role]["color"] for role in ROLES}
CUT = INK
MOST_SAID = 12
"""Said tokens that are drawn: a row each."""
STEP, WIDE, LEFT = 0.118, 0.215, 0.78
HEAD, FOOT = 0.82, 1.0
"""Inches above and below the rows."""
LETTERS, LINES = 32, 4


def said_rows(measurements: pd.DataFrame, model: str, image: int) -> pd.DataFrame:
    """Descriptions of one image with nothing hidden and with the image hidden in all layers, by condition.

    Raises:
        DescriptionError: the image was not described under every knockout.
    """
    rows = as_published(measurements, model)
    rows = rows[(rows["image_id"] == image) & rows["layers"].isin(("", ALL))].set_index("condition")
    if not set(SHOWN) <= set(rows.index):
        raise DescriptionError(
            f"image {image}: no description by {model} under each knockout. "
            "Describe again (snakemake --forcerun describe_without_image)."
        )
    return rows.loc[list(SHOWN), ["text", "f1"]]


def edge_rows(routes: Routes) -> pd.DataFrame:
    """Share of every position and role, and whether each of SHOWN cuts it."""
    rows = []
    for condition in SHOWN:
        removed = ()
        if condition != NONE:
            # In which layers does not matter here: the edges are the same in all of them.
            removed = interventions(Cut(condition, AS_PUBLISHED, ALL, 0, 0, (0,)))
        for position, (label, kind) in enumerate(zip(routes.labels, routes.kinds, strict=True)):
            for place, role in enumerate(ROLES):
                share = routes.shares[position, place]
                cut = is_cut(removed, kind, KEYS[role])
                rows.append((condition, position, label, kind, role, share, cut))
    names = ["condition", "position", "label", "kind", "role", "share", "cut"]
    return pd.DataFrame(rows, columns=names)


def draw(routes: Routes, edges: pd.DataFrame, said: pd.DataFrame) -> Figure:
    """The four panels side by side; one inch is one unit."""
    positions = sum(kind != SAID for kind in routes.kinds) + MOST_SAID
    positions = min(positions, len(routes.labels))
    height = HEAD + FOOT + STEP * positions
    with canvas(height) as (figure, axes):
        _labels(axes, routes, positions, height - HEAD)
        pitch = (WIDTHS[2] - LEFT) / len(SHOWN)
        for number, condition in enumerate(SHOWN):
            here = edges[(edges["condition"] == condition) & (edges["position"] < positions)]
            x = LEFT + pitch * number
            _panel(axes, x, height, "abcd"[number], condition, here)
            bottom = height - HEAD - STEP * positions
            removed = _removed(edges[edges["condition"] == condition])
            _outcome(axes, x, bottom, removed, said.loc[condition], condition)
    return figure


def _labels(axes: Axes, routes: Routes, positions: int, top: float) -> None:
    for position in range(positions):
        kind = "generated" if routes.kinds[position] == SAID else "query"
        text = routes.labels[position].strip() or "␣"
        axes.text(
            LEFT - 0.08, top - STEP * (position + 0.5), text if len(text) < 13 else f"{text[:12]}…",
            ha="right", va="center", fontsize=5.4, color=COLORS[kind],
        )  # fmt: skip
    if positions < len(routes.labels):
        axes.text(
            LEFT - 0.08, top - STEP * (positions + 0.35), "…", ha="right", va="center", fontsize=6,
            color=COLORS["generated"],
        )  # fmt: skip
    axes.text(LEFT - 0.08, top + 0.05, "looks from", ha="right", fontsize=5, color=MUTED)


def _panel(
    axes: Axes, x: float, height: float, letter: str, condition: str, edges: pd.DataFrame
) -> None:
    axes.text(x, height - 0.15, letter, fontsize=9, fontweight="bold", va="center")
    axes.text(
        x + 0.15, height - 0.15, LABELS[condition], fontsize=7, fontweight="bold", va="center"
    )
    top = height - HEAD
    for place, role in enumerate(ROLES):
        axes.text(
            x + WIDE * (place + 0.5), top + 0.05, role, rotation=90, ha="center", va="bottom",
            fontsize=5.4, color=COLORS[role],
        )  # fmt: skip
    for row in edges.itertuples():
        left = x + WIDE * ROLES.index(row.role)
        bottom = top - STEP * (row.position + 1)
        future = row.role == "generated" and row.kind != SAID
        face = "white" if future else PAPER
        axes.add_patch(
            Rectangle(
                (left + 0.005, bottom + 0.005), WIDE - 0.01, STEP - 0.01, facecolor=face, lw=0
            )
        )
        if future:
            axes.plot(left + WIDE / 2, bottom + STEP / 2, ".", color=PLAIN, markersize=1.5)
        else:
            _square(axes, left, bottom, row.share, COLORS[row.role], row.cut)


def _square(axes: Axes, left: float, bottom: float, share: float, color: str, cut: bool) -> None:
    """A square in the middle of its cell, all of its height at a share of one."""
    side = (STEP - 0.012) * share**0.5
    x, y = left + WIDE / 2, bottom + STEP / 2
    look = (
        {"facecolor": "none", "edgecolor": CUT, "lw": 0.5} if cut else {"facecolor": color, "lw": 0}
    )
    if cut:
        axes.add_patch(
            Rectangle((left + 0.005, bottom + 0.005), WIDE - 0.01, STEP - 0.01, facecolor=CUT,
                      alpha=0.16, lw=0)
        )  # fmt: skip
        axes.plot(x, y, "x", color=CUT, markersize=3, markeredgewidth=0.8, zorder=4)
    axes.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, **look))


def _removed(edges: pd.DataFrame) -> list[str]:
    """What a knockout takes, over all positions of the sequence."""
    lines = []
    for kind, name in ((ASKED, "the query sees"), (SAID, "generated tokens see")):
        here = edges[(edges["kind"] == SAID) == (kind == SAID)]
        taken = (here["share"] * here["cut"]).sum() / max(1, here["position"].nunique())
        if here["cut"].any():
            lines.append(f"cuts {100 * taken:.0f} % of what {name}")
    return lines or ["cuts nothing"]


def _outcome(
    axes: Axes, x: float, bottom: float, removed: list[str], said: pd.Series, condition: str
) -> None:
    color = CUT if condition != NONE else MUTED
    axes.text(
        x, bottom - 0.1, "\n".join(removed), fontsize=5, color=color, va="top", linespacing=1.25
    )
    lines = textwrap.wrap(said["text"], LETTERS) or ["(nothing)"]
    lines = lines if len(lines) <= LINES else [*lines[: LINES - 1], f"{lines[LINES - 1]} …"]
    score = "says" if condition == NONE else f"says, F1 {said['f1']:.2f}"
    axes.text(x, bottom - 0.33, score, fontsize=5.6, fontweight="bold", va="top")
    axes.text(
        x, bottom - 0.45, "\n".join(lines), fontsize=5.2, color=INK, va="top", linespacing=1.25
    )


def main(options: argparse.Namespace) -> None:
    """Draw the diagram, and write its edges and texts beside it."""
    routes = read_routes(options.page)
    measured = read_measurements([options.measurements])
    said, edges = said_rows(measured, options.model, routes.image_id), edge_rows(routes)
    texts = said.reset_index().rename(columns={"text": "said"})
    written = edges.assign(image_id=routes.image_id).merge(texts, on="condition")
    save_figure(draw(routes, edges, said), options.out, written)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, required=True, help="tables of the page of routes")
    parser.add_argument("--measurements", type=Path, required=True, help="judged descriptions")
    parser.add_argument("--model", required=True, help="key of the model")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
