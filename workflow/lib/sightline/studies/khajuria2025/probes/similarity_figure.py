"""Similarity of one token of each object to all tokens, by depth, and the same over many images (v3, section 4.4).

Above: one image, the token's place and its object's tokens marked, cosines from 0 to 1 as published. Below: mean
cosine within and outside the object over many images. Where the image above is the published one, the published
means of adjacent tokens stand beside this run's of the same tokens; of other images nothing was published.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from sightline import cli
from sightline.errors import SightlineError
from sightline.intervals import bootstrap_mean
from sightline.studies.drawing import (
    INK,
    PALETTE,
    error_bars,
    legend_below,
    light_grid,
    new_figure,
    save_figure,
)
from sightline.studies.khajuria2025.names import PRIMARY, ROLES
from sightline.studies.khajuria2025.probes.labels import PAPER, broken, paper_name
from sightline.studies.khajuria2025.probes.measurements import AS_PUBLISHED, CORRECTED
from sightline.studies.khajuria2025.probes.published_cells import published_line
from sightline.studies.khajuria2025.probes.published_image import IMAGE_ID, is_published
from sightline.studies.khajuria2025.probes.roster import Roster
from sightline.studies.published import load_published

ITEMS = ("similarity_base", "similarity_large")
DEPTHS = 6
MEASURES = ("within", "outside", "adjacent", "mean", "above_half")
PUBLISHED_ROWS = {
    "adjacent": "mean_of_adjacent_tokens",
    "mean": "mean",
    "above_half": "fraction_above_0.5",
}
DRAWS = 1000
SAME_IMAGE = "as published, the published image"
COLOURS = {PRIMARY: PALETTE["orange"], "secondary": PALETTE["blue"]}
KEY = "Coloured square: the token that all others are compared with. White outline: the tokens of its object."


def comparable(maps: pd.DataFrame, roster: Roster) -> list[str]:
    """Published encoders, not others in their place, whose maps are of the published image."""
    shown = is_published(maps).groupby(maps["encoder"], sort=False).all()
    return [e for e in shown.index[shown] if roster[e].stands_for == e]


def figure_data(
    rows: pd.DataFrame, maps: pd.DataFrame, published: pd.DataFrame, roster: Roster, item: str
) -> pd.DataFrame:
    """Per variant, encoder, role, layer and measure: value, ci_low, ci_high, images.

    Variant PAPER has the published values, on this run's layers (the published label 1 is the embedding, here -1),
    and SAME_IMAGE this run's of the same image and tokens; both where `comparable`.
    """
    lines = []
    keys = ["variant", "encoder", "role", "layer"]
    for key, some in rows.groupby(keys, sort=False):
        for name in MEASURES:
            known = some.dropna(subset=[name])
            interval = bootstrap_mean(known[name], known["image_id"], 0, DRAWS)
            lines.append((*key, name, known[name].mean(), *interval, known["image_id"].nunique()))
    columns = [*keys, "measure", "value", "ci_low", "ci_high", "images"]
    parts = [pd.DataFrame(lines, columns=columns)]
    for encoder in comparable(maps, roster):
        here = rows[(rows["encoder"] == encoder) & (rows["variant"] == AS_PUBLISHED)]
        here = here[here["image_id"] == IMAGE_ID]
        for role in ROLES:
            own = here[here["role"] == role].drop_duplicates("layer").set_index("layer")
            for name, row in PUBLISHED_ROWS.items():
                line = published_line(published, item, encoder, f"{role} {row}")
                line.index = line.index - 2
                for variant, one in ((PAPER, line), (SAME_IMAGE, own[name])):
                    parts.append(
                        pd.DataFrame({"layer": one.index, "value": one.to_numpy()}).assign(
                            variant=variant, encoder=encoder, role=role, measure=name, images=1
                        )
                    )
    return pd.concat([part for part in parts if len(part)]).reindex(columns=columns)


def draw(data: pd.DataFrame, maps: pd.DataFrame, roster: Roster) -> Figure:
    """Two rows of maps per encoder, then one panel of curves per encoder."""
    encoders = list(dict.fromkeys(maps["encoder"]))
    lines = 2 * len(encoders)
    height = 0.5 + 0.98 * lines + 2.3
    with new_figure(columns=2, height=height) as (figure, axes):
        axes.remove()
        figure.set_layout_engine("none")
        grid = figure.add_gridspec(
            lines, 1 + DEPTHS, left=0.06, right=0.93, top=1 - 0.2 / height, bottom=2.75 / height,
            wspace=0.06, hspace=0.24,
        )  # fmt: skip
        for number, encoder in enumerate(encoders):
            for place, role in enumerate(ROLES):
                here = maps[(maps["encoder"] == encoder) & (maps["role"] == role)]
                here = here.sort_values("layer")
                row = 2 * number + place
                _draw_picture(figure.add_subplot(grid[row, 0]), here.iloc[0], encoder)
                for column, layer in enumerate(_depths(here["layer"].tolist())):
                    one = here[here["layer"] == layer].iloc[0]
                    shown = _draw_map(figure.add_subplot(grid[row, 1 + column]), one)
        _colour_bar(figure, shown, height)
        figure.text(0.06, 2.6 / height, KEY, fontsize=6, va="top")
        below = figure.add_gridspec(
            1,
            len(encoders),
            left=0.06,
            right=0.99,
            top=2.05 / height,
            bottom=0.85 / height,
            wspace=0.12,
        )
        panels = below.subplots(sharey=True, squeeze=False)[0]
        for panel, encoder in zip(panels, encoders, strict=True):
            _draw_curves(panel, data, encoder, roster)
        lowest = data.loc[data["variant"] == CORRECTED, ["value", "ci_low"]].min(axis=None)
        panels[0].set_ylim(min(-0.1, lowest - 0.02), 1.02)
        panels[0].set_ylabel("mean cosine")
        legend_below(figure, panels[:1], columns=3, loc="lower center")
    return figure


def _depths(layers: Sequence[int]) -> list[int]:
    picks = np.linspace(0, len(layers) - 1, min(DEPTHS, len(layers))).round().astype(int)
    return [layers[pick] for pick in picks]


def _bare(panel: Axes) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    panel.grid(False)
    for spine in panel.spines.values():
        spine.set_visible(False)


def _draw_picture(panel: Axes, one: pd.Series, encoder: str) -> None:
    _bare(panel)
    pixels = np.frombuffer(one["picture"], np.uint8).reshape(one["height"], one["width"], 3)
    # Squashed to a square, as the published figure shows it.
    panel.imshow(
        pixels, extent=(-0.5, one["columns"] - 0.5, one["rows"] - 0.5, -0.5), aspect="auto"
    )
    y, x = divmod(int(one["token"]), int(one["columns"]))
    panel.plot(x, y, "s", color=COLOURS[one["role"]], markeredgecolor="white", markersize=5)
    panel.set_title(f"{one['role']}: {one['category']}", fontsize=6, fontweight="normal", pad=2)
    panel.set_ylabel(broken(encoder, 14), fontsize=6, labelpad=2)


def _draw_map(panel: Axes, one: pd.Series) -> AxesImage:
    _bare(panel)
    values = np.frombuffer(one["values"], np.float32).reshape(one["rows"], one["columns"])
    image = panel.imshow(values, vmin=0, vmax=1, aspect="auto")
    members = np.zeros(values.size, bool)
    members[np.frombuffer(one["members"], np.int64)] = True
    # Many points per cell, or the outline would cut its corners.
    fine = np.kron(np.pad(members.reshape(values.shape), 1), np.ones((20, 20)))
    places = [(np.arange(side * 20) + 0.5) / 20 - 1.5 for side in np.add(values.shape, 2)]
    panel.contour(places[1], places[0], fine, [0.5], colors=["white"], linewidths=0.6)
    panel.set_xlim(-0.5, values.shape[1] - 0.5)
    panel.set_ylim(values.shape[0] - 0.5, -0.5)
    panel.set_title(f"layer {one['layer']}", fontsize=6, fontweight="normal", pad=2)
    return image


def _colour_bar(figure: Figure, image: AxesImage, height: float) -> None:
    """The scale of all maps, beside the uppermost ones."""
    place = figure.add_axes((0.945, 1 - 1.3 / height, 0.012, 1 / height))
    bar = figure.colorbar(image, cax=place, extend="min", ticks=[0, 0.5, 1])
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=6, length=2)
    place.set_title("cosine", fontsize=6, fontweight="normal", pad=3, loc="left", x=-1, color=INK)


def _draw_curves(panel: Axes, data: pd.DataFrame, encoder: str, roster: Roster) -> None:
    here = data[(data["encoder"] == encoder) & (data["variant"] == CORRECTED)]
    for role in ROLES:
        for name, dash in (("within", "-"), ("outside", ":")):
            line = here[(here["role"] == role) & (here["measure"] == name)].sort_values("layer")
            panel.plot(
                line["layer"], line["value"], linestyle=dash, marker="o", markersize=2,
                color=COLOURS[role], label=f"{role}, {name} its object",
            )  # fmt: skip
            bounds = (line[column] for column in ("value", "ci_low", "ci_high"))
            error_bars(panel, line["layer"], *bounds, COLOURS[role])
    compared = data[(data["encoder"] == encoder) & (data["measure"] == "adjacent")]
    for variant, label, filled in (
        (PAPER, f"{PAPER}, adjacent tokens", False),
        (SAME_IMAGE, "this run, the same tokens", True),
    ):
        for role in ROLES:
            line = compared[(compared["variant"] == variant) & (compared["role"] == role)]
            if len(line):
                panel.plot(
                    line["layer"], line["value"], "D" if not filled else "d", markersize=3.5,
                    color=COLOURS[role] if filled else "white", markeredgecolor=COLOURS[role],
                    label=label, linestyle="none",
                )  # fmt: skip
    beside = (compared["variant"] == PAPER).any()
    name = paper_name(roster[encoder].stands_for) if beside else ""
    images = here["images"].max() if len(here) else 0
    panel.set_title(f"{encoder}, {images} images" + (f"\n({name})" if name else ""), fontsize=6.5)
    panel.set_xlabel("layer")
    panel.set_yticks([0, 0.5, 1])
    light_grid(panel)


def main(options: argparse.Namespace) -> None:
    """Draw the figure and write the numbers drawn beside it."""
    rows = pd.concat([pd.read_parquet(path) for path in options.rows], ignore_index=True)
    maps = pd.concat([pd.read_parquet(path) for path in options.maps], ignore_index=True)
    if rows.empty or maps.empty:
        raise SightlineError(f"{options.maps[0]}: no map in it to draw; run map_similarity.")
    roster = Roster.read(options.roster)
    data = figure_data(rows, maps, load_published("khajuria2025"), roster, options.item)
    save_figure(draw(data, maps, roster), options.out, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=Path, nargs="+", required=True)
    parser.add_argument("--maps", type=Path, nargs="+", required=True)
    parser.add_argument("--roster", type=Path, required=True)
    parser.add_argument("--item", choices=ITEMS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
