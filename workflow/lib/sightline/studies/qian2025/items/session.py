"""A short session: a question answered in words, an object segmented on request, and a false premise.

python -m sightline.studies.qian2025.items.session --model demo-llava --refer expressions/demo-llava --out demo
"""

import argparse
import json
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image
from safetensors.numpy import load_file

from sightline import cli
from sightline.studies.drawing import MUTED, PALETTE, new_figure, save_figure, wrapped_answer
from sightline.studies.qian2025.items.overlay import draw_image, draw_mask
from sightline.studies.qian2025.items.shown import Shown

TURNS = 3
"""Turns with each image."""
SEEN = {True: ("mask drawn", PALETTE["blue"]), False: ("words alone", PALETTE["vermilion"])}


def draw(model: str, turns: list[dict[str, str]], masks: dict[str, np.ndarray]) -> Figure:
    """One row per image; in each, what was asked, what was answered, and the mask if there is one."""
    rows = [turns[first : first + TURNS] for first in range(0, len(turns), TURNS)]
    with new_figure(
        columns=2, height=0.3 + 1.9 * max(1, len(rows)), rows_of_axes=max(1, len(rows)),
        columns_of_axes=TURNS, squeeze=False,
    ) as (figure, panels):  # fmt: skip
        for line, some in zip(panels, rows, strict=False):
            for axes, turn in zip(line, some, strict=True):
                with Image.open(turn["image"]) as image:
                    pixels = np.asarray(image.convert("RGB"))
                if turn["mask"]:
                    one = Shown(model, "", "", pixels, {"own": masks[turn["mask"]]})
                    draw_mask(axes, one, "own")
                else:
                    draw_image(axes, pixels)
                word, colour = SEEN[bool(turn["mask"])]
                asked = "\n".join(textwrap.wrap(f"“{turn['question']}”", 34))
                answer = "\n".join(wrapped_answer(turn["answer"] or "(nothing)", 52)[:3])
                axes.set_title(asked, fontsize=6, loc="center")
                axes.set_xlabel(f"{answer}\n[{word}]", fontsize=5.5, color=colour)
        if not rows:
            panels[0][1].text(0.5, 0.5, "no false premises in this run", ha="center", color=MUTED)
    return figure


def main(options: argparse.Namespace) -> None:
    """Draw one model's session and write its words."""
    turns = json.loads((options.refer / "session.json").read_text())
    masks = load_file(options.refer / "session.safetensors")
    figure = draw(options.model, turns, masks)
    columns = ["image", "question", "answer", "mask"]
    table = pd.DataFrame(turns, columns=columns)
    table["image"] = [Path(path).name for path in table["image"]]
    save_figure(figure, options.out, table.assign(mask=table["mask"] != ""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--refer", type=Path, required=True, help="folder of the session")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
