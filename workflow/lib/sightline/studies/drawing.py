"""How every figure looks, and how its bytes stay the same from run to run.

Figures are made without pyplot, so that no window system and no global state is involved:

    with new_figure(columns=1, height=2.2) as (figure, axes):
        axes.plot(x, y, **series(0), label="object")
        error_bars(axes, x, y, low, high, colour=series(0)["color"])
        axes.legend()
    save_figure(figure, "results/demo/neo2025/tab1_bars", data=frame)
"""

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from sightline.errors import SightlineError
from sightline.files import atomic_path, write_csv

# Widths of a one- and a two-column figure of a conference paper, in inches.
WIDTHS = {1: 3.35, 2: 6.9}

# Okabe and Ito's palette, told apart with any colour vision; its yellow is too light for lines on
# white and is left out.
PALETTE = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "black": "#222222",
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (1, 1)))
INK = "#222222"
MUTED = "#6B6B6B"
GRID = "#E3E3E3"
SEQUENTIAL = "cividis"
DIVERGING = "PuOr"

STYLE: dict[str, Any] = {
    # The only font that comes with Matplotlib: others would change the figure between machines.
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7,
    "legend.fontsize": 6.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=list(PALETTE.values())),
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "patch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "image.cmap": SEQUENTIAL,
    "image.interpolation": "nearest",
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "savefig.facecolor": "white",
    # Type 42 keeps text as text in the PDF: it can be searched, and journals accept it.
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "sightline",
}

# Without these the files would carry the time and the version of the library that drew them.
METADATA = {
    "pdf": {"CreationDate": None, "Creator": "Sightline", "Producer": "Sightline"},
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": "Sightline"},
}


@contextmanager
def new_figure(
    columns: int = 1,
    height: float = 2.2,
    rows_of_axes: int = 1,
    columns_of_axes: int = 1,
    **options: Any,
) -> Iterator[tuple[Figure, Any]]:
    """A figure in house style, to be drawn within the block.

    Titles, legends and lines take the style in force when they are made, so drawing after the block
    has ended would fall back to Matplotlib's own. The figure itself outlives the block.

    Args:
        columns: 1 or 2, the text columns it spans.
        height: in inches.
        rows_of_axes: panels from top to bottom.
        columns_of_axes: panels from left to right.
        options: further arguments of `Figure.subplots`, such as sharey=True.

    Yields:
        The figure, and its axes: one, or an array of them.

    Raises:
        SightlineError: columns is neither 1 nor 2.
    """
    if columns not in WIDTHS:
        raise SightlineError(f"a figure spans 1 or 2 columns, not {columns}.")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTHS[columns], height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows_of_axes, columns_of_axes, **options)
        for one in np.atleast_1d(axes).flat:
            light_grid(one)
        yield figure, axes


def series(number: int) -> dict[str, Any]:
    """Colour, marker and dash of the ``number``-th line, told apart without colour as well."""
    colours = list(PALETTE.values())
    # Lines beyond the last colour take another marker and dash than the first of that colour.
    turn = number + number // len(colours)
    return {
        "color": colours[number % len(colours)],
        "marker": MARKERS[turn % len(MARKERS)],
        "linestyle": LINES[turn % len(LINES)],
    }


def lone_marker(points: Sized) -> str:
    """Marker of a line without markers: a single point would not be seen."""
    return "o" if len(points) == 1 else ""


def light_grid(axes: Axes, axis: str = "y") -> None:
    """Faint lines behind the data along ``axis`` ("x", "y" or "both") and none along the other."""
    axes.grid(False)
    axes.grid(True, axis=axis, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def error_bars(
    axes: Axes,
    x: ArrayLike,
    y: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    colour: str = INK,
    horizontal: bool = False,
) -> None:
    """Draw intervals; points without one (NaN) get none.

    Args:
        axes: where to draw.
        x: (n,) positions.
        y: (n,) estimates, in data units (with ``horizontal`` x holds the estimates).
        low: (n,) lower ends, absolute, as tables store them.
        high: (n,) upper ends, absolute.
        colour: of the bars.
        horizontal: intervals along x.
    """
    x, y, low, high = (np.asarray(part, dtype=np.float64) for part in (x, y, low, high))
    seen = np.isfinite(x) & np.isfinite(y) & np.isfinite(low) & np.isfinite(high)
    centre = x if horizontal else y
    # A percentile interval need not hold its estimate; Matplotlib refuses negative lengths.
    reach = np.clip([centre - low, high - centre], 0, None)[:, seen]
    axes.errorbar(
        x[seen],
        y[seen],
        fmt="none",
        ecolor=colour,
        elinewidth=0.8,
        capsize=1.8,
        capthick=0.8,
        zorder=3,
        **{"xerr" if horizontal else "yerr": reach},
    )


def wrapped_answer(text: str, letters: int) -> list[str]:
    """Lines of an answer whose marks stand apart from its words, as the demo's do; none is left alone on a line."""
    return textwrap.wrap(re.sub(r" (?=[^\w\s\[(]+( |$))", "\N{NO-BREAK SPACE}", text), letters)


def published_marks(
    axes: Axes, x: ArrayLike, y: ArrayLike, label: str = "published", colour: str = INK
) -> None:
    """Hollow diamonds for published values, to stand beside what was measured; NaN draws none.

    Args:
        axes: where to draw.
        x: (n,) positions.
        y: (n,) values.
        label: for the legend.
        colour: of the edges; that of a line says to which of several the values belong.
    """
    axes.plot(
        x,
        y,
        linestyle="none",
        marker="D",
        markersize=4,
        markerfacecolor="white",
        markeredgecolor=colour,
        markeredgewidth=0.8,
        zorder=4,
        label=label,
    )


def legend_below(figure: Figure, panels: Iterable[Axes], columns: int, **options: Any) -> None:
    """One legend below a figure for all of some panels, every label once.

    Args:
        figure: in which the panels lie.
        panels: whose labels are listed, in the order in which they first appear.
        columns: of the legend.
        options: further arguments of `Figure.legend`.
    """
    entries: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    place = options.pop("loc", "outside lower center")
    figure.legend(entries.values(), entries.keys(), loc=place, ncols=columns, **options)


def panel_letter(axes: Axes, letter: str) -> None:
    """A bold letter above the upper left corner of a panel."""
    axes.annotate(
        letter,
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(-4, 4),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=9,
        fontweight="bold",
        color=INK,
    )


def draw_measured(
    draw: Callable[[pd.DataFrame], Figure],
    data: pd.DataFrame,
    measured: pd.DataFrame,
    source: Path | str,
    reason: str,
) -> Figure:
    """A figure, or one that says why there is nothing to draw: a run's other figures are worth having.

    Args:
        draw: makes the figure of the data.
        data: of the figure.
        measured: what the data were taken from.
        source: its file.
        reason: why a run may have measured nothing.

    Raises:
        SightlineError: something was measured, but nothing of it belongs into this figure.
    """
    if len(data):
        return draw(data)
    if len(measured):
        raise SightlineError(f"{source}: nothing in it to draw.")
    with new_figure(height=1.0) as (figure, axes):
        axes.set_axis_off()
        axes.text(0.5, 0.5, textwrap.fill(reason, 48), ha="center", va="center", color=MUTED)
    return figure


def save_figure(
    figure: Figure,
    stem: Path | str,
    data: pd.DataFrame | None = None,
    formats: tuple[str, ...] = ("pdf", "png"),
) -> list[Path]:
    """Write ``<stem>.pdf`` and ``.png``, and the numbers drawn as ``<stem>.csv``.

    Equal figures give equal bytes: no time, no version, fixed ids.

    Args:
        figure: from `new_figure`.
        stem: path without suffix, such as results/demo/neo2025/tab1_bars.
        data: the numbers drawn, if they are to be written beside.
        formats: of pdf, png and svg.

    Returns:
        The files written.

    Raises:
        SightlineError: an unknown format.
    """
    unknown = set(formats) - set(METADATA)
    if unknown:
        raise SightlineError(
            f"{stem}: no figure format {sorted(unknown)[0]}; use {', '.join(METADATA)}."
        )
    stem = Path(stem)
    paths = []
    # Some settings count when a figure is drawn, others when it is saved.
    with mpl.rc_context(STYLE):
        for kind in formats:
            path = stem.with_name(f"{stem.name}.{kind}")
            with atomic_path(path) as temporary:
                figure.savefig(temporary, format=kind, metadata=METADATA[kind])
            paths.append(path)
    if data is not None:
        path = stem.with_name(f"{stem.name}.csv")
        write_csv(data, path)
        paths.append(path)
    return paths
