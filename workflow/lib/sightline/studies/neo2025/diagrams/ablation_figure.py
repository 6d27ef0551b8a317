"""Figure 2: the ablation in three steps, on one image of the run with its tokens and its answers.

python -m sightline.studies.neo2025.diagrams.ablation_figure --example example/MODEL.parquet \
    --measurements ablation/MODEL.parquet --out fig2
"""

import argparse
from pathlib import Path
from textwrap import wrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from sightline import cli
from sightline.studies.drawing import INK, MUTED, PALETTE, save_figure
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.diagrams import example_columns as shown
from sightline.studies.neo2025.effects import initially_correct
from sightline.studies.neo2025.judging import CORRECTED
from sightline.studies.neo2025.measurements import read_measurements
from sightline.studies.neo2025.protocol import SETTINGS
from sightline.studies.shapes import (
    PAPER,
    arrow,
    badge,
    canvas,
    frame_cells,
    pixels_of,
    show_image,
)

OBJECT, RING, ANSWER = (PALETTE[name] for name in ("blue", "sky", "vermilion"))
SETS = {
    shown.OBJECT: ("object", OBJECT),
    shown.PLUS_1: ("object + 1", RING),
    shown.REGISTER: ("register", PALETTE["purple"]),
    shown.GRADIENTS: ("gradients", PALETTE["orange"]),
    shown.RANDOM: ("random", PALETTE["green"]),
}
NAMES = {"generative": "generative", "polling": "polling", "vqa": "VQA"}
HEIGHT = 3.1
LINE = 25
"""Letters of an answer in one line."""
DOTS = 60
"""Most images that are drawn."""


def draw(example: pd.DataFrame, measurements: pd.DataFrame) -> Figure:
    """Replace tokens, ask again, count what is lost.

    Args:
        example: EXAMPLE_COLUMNS.
        measurements: of the ablation, of the same model.
    """
    with canvas(HEIGHT) as (figure, panel):
        _step(panel, 0.08, "1", "Replace image tokens", 2.55)
        _step(panel, 2.83, "2", "Ask again", 2.3)
        _step(panel, 5.33, "3", "Count what is lost", 1.5)
        _replacing(panel, example)
        _asking(panel, answers_of(example, measurements))
        _counting(panel, counted(measurements))
    return figure


def answers_of(example: pd.DataFrame, measurements: pd.DataFrame) -> pd.DataFrame:
    """setting, question, before, after of the image, nothing replaced and object + 1 replaced."""
    here = measurements[measurements["image_id"] == example["image_id"].iloc[0]]
    rows = []
    for setting in SETTINGS:
        part = here[here["setting"] == setting]
        if part.empty:
            continue
        before, after = (
            part[part["condition"].eq(condition) & part["variant"].eq(variant)].iloc[0]
            for condition, variant in ((subsets.NONE, ""), shown.PLUS_1)
        )
        texts = (one["answer"].strip() or "(nothing)" for one in (before, after))
        rows.append((setting, before["question"], *texts))
    return pd.DataFrame(rows, columns=["setting", "question", "before", "after"])


def counted(measurements: pd.DataFrame) -> pd.DataFrame:
    """setting, image_id, lost: answers right at first, with object + 1 replaced."""
    right = initially_correct(measurements, CORRECTED)
    condition, variant = shown.PLUS_1
    right = right[(right["condition"] == condition) & (right["variant"] == variant)]
    return right[["setting", "image_id", "lost"]].sort_values("image_id", ignore_index=True)


def _step(panel: Axes, x: float, number: str, title: str, width: float) -> None:
    panel.plot([x, x + width], [2.72, 2.72], color=MUTED, lw=0.8)
    badge(panel, x + 0.1, 2.9, number, INK)
    panel.text(x + 0.25, 2.9, title, fontsize=7.5, fontweight="bold", va="center")


def _replacing(panel: Axes, example: pd.DataFrame) -> None:
    """The image, its tokens, and what each subset of them is."""
    first = example.iloc[0]
    grid = (int(first["rows"]), int(first["columns"]))
    tokens = {
        (one.condition, one.variant): list(map(int, one.tokens)) for one in example.itertuples()
    }
    own, ring = tokens[shown.OBJECT], tokens[shown.PLUS_1]
    colors = dict.fromkeys(ring, RING) | dict.fromkeys(own, OBJECT)
    width = 1.08 * min(1, grid[1] / grid[0])
    size = (width, width * grid[0] / grid[1])
    bottom = 2.58 - size[1]
    show_image(panel, (0.1, bottom, *size), pixels_of(first["picture"]))
    frame_cells(panel, (0.1, bottom, *size), grid, dict.fromkeys(own, OBJECT), filled=False)
    arrow(panel, (0.14 + size[0], bottom + size[1] / 2), (1.44, bottom + size[1] / 2))
    frame_cells(panel, (1.5, bottom, *size), grid, colors)
    text = f"image {first['image_id']}: {grid[0]} by {grid[1]} tokens, {len(own)} on the {first['category']}"
    panel.text(0.1, 1.45, text, fontsize=5.6, va="top", color=OBJECT)
    panel.text(0.1, 1.27, "one set of tokens at a time:", fontsize=5.6, color=MUTED, va="center")
    for number, (key, (name, color)) in enumerate(SETS.items()):
        x = 0.1 + 0.51 * number
        cells = dict.fromkeys(tokens.get(key, []), color)
        if key == shown.PLUS_1:
            cells = colors
        high = 0.44 * min(1, grid[0] / grid[1])
        wide = high * grid[1] / grid[0]
        frame_cells(panel, (x, 1.18 - high, wide, high), grid, cells)
        label = f"{name}\n{len(cells)}" if key in tokens else f"{name}\nnone"
        panel.text(x + wide / 2, 0.7, label, ha="center", va="top", fontsize=5.2, linespacing=1.2)
    panel.text(
        0.1, 0.38, "each becomes the mean token of many images,\n"
        "before the first layer; the others stay as they are",
        fontsize=5.8, va="top", linespacing=1.3,
    )  # fmt: skip


def _asking(panel: Axes, answers: pd.DataFrame) -> None:
    """What the model said of this image."""
    y = 2.6
    for row in answers.itertuples():
        panel.text(2.85, y, NAMES[row.setting], fontsize=5.2, color=MUTED, va="top")
        lines = [_lines(text) for text in (row.before, row.after)]
        high = 0.09 + 0.085 * max(map(len, lines))
        _bubble(panel, 2.85, y - 0.29, 2.26, 0.18, [row.question], PAPER)
        for x, text, color in ((2.85, lines[0], OBJECT), (4.0, lines[1], ANSWER)):
            _bubble(panel, x, y - 0.34 - high, 1.11, high, text, _pale(color))
        y -= 0.44 + high
    y = max(y, 0.12)
    panel.text(3.4, y, "nothing replaced", fontsize=5.6, ha="center", va="top", color=OBJECT)
    panel.text(4.55, y, "object + 1 replaced", fontsize=5.6, ha="center", va="top",
               color=ANSWER)  # fmt: skip


def _lines(text: str) -> list[str]:
    lines = wrap(text, LINE)
    return lines if len(lines) <= 3 else [*lines[:2], f"{lines[2][: LINE - 2]} …"]


def _counting(panel: Axes, images: pd.DataFrame) -> None:
    """One dot per image of each setting, coloured by whether its answer survived."""
    y = 2.6
    for setting in SETTINGS:
        here = images[images["setting"] == setting]
        if here.empty:
            continue
        lost = here["lost"].tolist()
        panel.text(5.35, y, f"{NAMES[setting]}: {sum(lost)} of {len(lost)} wrong", fontsize=5.6,
                   va="top")  # fmt: skip
        for place, wrong in enumerate(lost[:DOTS]):
            row, column = divmod(place, 20)
            panel.add_patch(
                Circle((5.39 + 0.073 * column, y - 0.19 - 0.08 * row), 0.03, lw=0,
                       facecolor=ANSWER if wrong else OBJECT)
            )  # fmt: skip
        y -= 0.28 + 0.08 * -(-min(len(lost), DOTS) // 20)
    panel.text(5.35, y + 0.02, "a dot is an image answered right at first", fontsize=4.9,
               color=MUTED, va="top")  # fmt: skip
    panel.text(5.35, 0.62, "decrease  =", fontsize=7, va="center")
    panel.text(6.0, 0.71, "wrong after", fontsize=6.4, color=ANSWER, va="center")
    panel.plot([6.0, 6.68], [0.62, 0.62], color=INK, lw=0.7)
    panel.text(6.0, 0.53, "right before", fontsize=6.4, va="center")
    panel.text(5.35, 0.38, "A large decrease: the replaced\ntokens held the object.", fontsize=5.8,
               va="top", linespacing=1.3)  # fmt: skip


def _bubble(
    panel: Axes, x: float, y: float, width: float, height: float, lines: list[str], color: object
) -> None:
    panel.add_patch(
        FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.05", facecolor=color, lw=0
        )
    )
    text = "\n".join(lines)
    panel.text(x + 0.05, y + height / 2, text, va="center_baseline", fontsize=5.2, linespacing=1.15)


def _pale(color: str) -> tuple[float, float, float]:
    red, green, blue = (1 - 0.18 * (1 - part) for part in to_rgb(color))
    return red, green, blue


def main(options: argparse.Namespace) -> None:
    """Draw the figure, and write which images lost their answer beside it."""
    example = pd.read_parquet(options.example)
    measurements = read_measurements([options.measurements])
    save_figure(draw(example, measurements), options.out, counted(measurements))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--example", type=Path, required=True)
    parser.add_argument("--measurements", type=Path, required=True, help="answers of the ablation")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
