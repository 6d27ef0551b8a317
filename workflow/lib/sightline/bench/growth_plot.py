"""Cost against conditions, tokens and layers, drawn from the report of `sightline.bench.growth`."""

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sightline.bench.growth import CLEAN, FORWARD, REPLAY
from sightline.studies.drawing import new_figure, panel_letter, save_figure, series

_LABELS = {
    "conditions": "conditions",
    "tokens": "positions of the prompt",
    "layers": "layers of the text model",
}


def seconds(point: Mapping[str, Any]) -> dict[str, float]:
    """Seconds for all conditions of a point: medians over rounds."""
    forward, clean, replayed = (statistics.median(point[one]) for one in (FORWARD, CLEAN, REPLAY))
    return {
        "one forward each": point["conditions"] * forward,
        "replay with its clean run": clean + replayed,
        "replay alone": replayed,
    }


def draw_growth(report: Mapping[str, Any], stem: Path) -> list[Path]:
    """Write ``<stem>.png``: a panel for each axis, both scales logarithmic.

    Args:
        report: of ``measure_growth``.
        stem: path without suffix.
    """
    names = list(dict.fromkeys(point["axis"] for point in report["points"]))
    with new_figure(2, 2.3, columns_of_axes=len(names), sharey=True) as (figure, panels):
        for letter, name, axes in zip("abc", names, panels, strict=False):
            points = [point for point in report["points"] if point["axis"] == name]
            for number, line in enumerate(seconds(points[0])):
                axes.plot(
                    [point[name] for point in points],
                    [seconds(point)[line] for point in points],
                    **series(number),
                    label=line,
                )
            axes.set_xscale("log")
            axes.set_yscale("log")
            sizes = [point[name] for point in points]
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
            axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
            axes.set_xlabel(_LABELS[name])
            panel_letter(axes, letter)
        panels[0].set_ylabel("seconds")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return save_figure(figure, stem, formats=("png",))
