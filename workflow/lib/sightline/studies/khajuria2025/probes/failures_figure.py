"""Naming, matching and retrieving with CLS alone, in scenes of several objects (v1 and v2; nothing was published)."""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from sightline import cli
from sightline.errors import SightlineError
from sightline.studies.drawing import (
    MUTED,
    error_bars,
    legend_below,
    new_figure,
    save_figure,
    series,
)
from sightline.studies.khajuria2025.probes.measurements import AS_PUBLISHED, CORRECTED
from sightline.studies.khajuria2025.probes.roster import Roster

COLUMNS = ("encoder", "variant", "test", "value", "ci_low", "ci_high", "n")
NAMING_CHANCE = "zero-shot, chance"
# Panel -> (test, name below the axis), and what guessing would give: a number, or the test that holds it.
PANELS = {
    "Naming (zero-shot)": (
        (
            ("zero-shot, in caption", "in\ncaption"),
            ("zero-shot, not in caption", "not in\ncaption"),
        ),
        NAMING_CHANCE,
    ),
    "Matching words": (
        (
            ("matching, primary", "primary"),
            ("matching, secondary", "secondary"),
            ("matching, both", "both"),
        ),
        0.5,
    ),
    "Nearest image": (
        (
            ("retrieval, primary, above chance", "primary"),
            ("retrieval, secondary, above chance", "secondary"),
        ),
        0.0,
    ),
}
UNITS = ("accuracy", "wins over wrong words", "agreement above chance")


def draw(data: pd.DataFrame, roster: Roster) -> Figure:
    """Rows are variants, columns the three tasks, one mark per encoder."""
    variants = [name for name in (CORRECTED, AS_PUBLISHED) if name in set(data["variant"])]
    present = set(data["encoder"])
    encoders = [entry.encoder for entry in roster.entries if entry.encoder in present]
    with new_figure(
        columns=2,
        height=0.9 + 1.6 * len(variants),
        rows_of_axes=len(variants),
        columns_of_axes=len(PANELS),
        squeeze=False,
        sharey="col",
    ) as (figure, axes):
        for row, variant in zip(axes, variants, strict=True):
            for panel, (title, (tests, chance)), unit in zip(
                row, PANELS.items(), UNITS, strict=True
            ):
                here = data[data["variant"] == variant].set_index(["encoder", "test"])
                names = [test for test, _ in tests]
                tested = set(here.index[here.index.isin(names, level="test")].unique("encoder"))
                places = {e: n for n, e in enumerate(e for e in encoders if e in tested)}
                for number, encoder in enumerate(encoders):
                    look = series(number) | {"linestyle": "none"}
                    # One that is not tested here is in the legend all the same.
                    shift = 0.7 * ((places.get(encoder, 0) + 0.5) / max(1, len(places)) - 0.5)
                    some = here.reindex([(encoder, test) for test in names])
                    x = [place + shift for place in range(len(tests))]
                    panel.plot(x, some["value"], label=encoder, **look)
                    bounds = (some[name] for name in ("value", "ci_low", "ci_high"))
                    error_bars(panel, x, *bounds, look["color"])
                measured = here.loc[here.index.isin([chance], level="test"), "value"]
                for level in measured.unique() if isinstance(chance, str) else [chance]:
                    panel.axhline(level, color=MUTED, linewidth=0.8, linestyle=":", label="chance")
                panel.set_xticks(range(len(tests)), [name for _, name in tests])
                panel.set_xlim(-0.6, len(tests) - 0.4)
                panel.set_title(f"{title}, {variant}", fontsize=6.5)
                panel.set_ylabel(unit)
        legend_below(figure, axes[0], columns=4, fontsize=6)
    return figure


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    data = pd.concat([pd.read_csv(path) for path in options.tests], ignore_index=True)
    if tuple(data.columns) != COLUMNS or data.empty:
        raise SightlineError(f"{options.tests[0]}: not a table of failures; run test_failures.")
    save_figure(draw(data, Roster.read(options.roster)), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", type=Path, nargs="+", required=True)
    parser.add_argument("--roster", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
