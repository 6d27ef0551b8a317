"""Do number words come back elsewhere once the tokens that carry them are replaced (C9, extra5)?

Images of the scene sample in which a background token decodes to a number in a middle-to-late
state. All image tokens that decode to a number there become the mean token, so that any number
found afterwards is new. As a control as many other background tokens are replaced instead, and
number words at tokens that had none are counted in the same way.

One row per image, condition and token that decodes to a number, in its most probable state; an
image without any number left has one row with token -1.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.ablation import Tokens, replace_tokens
from sightline.instruments.logit_lens import logit_lens
from sightline.instruments.mean_token import load_mean_token
from sightline.instruments.reading import Reading
from sightline.instruments.states import capture
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.scenes.scene import Scene
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.replaced_columns import (
    BEFORE,
    COLUMNS,
    NUMBERS_REPLACED,
    OTHERS_REPLACED,
)
from sightline.studies.neo2025.lens.words import Lexicon


class NumberWords:
    """Number words in the middle-to-late states of one model.

    Args:
        vlm: the model.
        mean_token: what tokens are replaced by, (width,).
        lexicon: of the model.
        protocol: of the run.
    """

    def __init__(
        self, vlm: VLM, mean_token: torch.Tensor, lexicon: Lexicon, protocol: LensProtocol
    ) -> None:
        """Keep what every image needs."""
        self._vlm, self._mean = vlm, mean_token
        self._lexicon, self._protocol = lexicon, protocol

    def measure(self, scene: Scene, numbers: Tokens, background: Tokens) -> list[tuple]:
        """Rows of one image.

        Args:
            scene: the image.
            numbers: its tokens that decode to a number.
            background: its tokens that no object touches.
        """
        image = self._vlm.encode_images([scene.image()])[0]
        free = np.setdiff1d(background, numbers)
        rng = np.random.default_rng([self._protocol.seed, scene.id])
        others = np.sort(rng.choice(free, min(len(free), len(numbers)), replace=False))
        subsets = {
            BEFORE: np.empty(0, np.int64),
            NUMBERS_REPLACED: numbers,
            OTHERS_REPLACED: others,
        }
        rows = []
        # One version at a time: all states of a large model's image are a hundred megabytes.
        for condition, subset in subsets.items():
            tokens = replace_tokens(image, [subset], self._mean)
            found = list(self._find(scene, tokens))
            rows += [
                (
                    self._vlm.key, scene.id, condition, token, *word,
                    token in subset, token not in numbers,
                )
                for token, *word in found
            ]  # fmt: skip
            if not found:
                nothing = (-1, -1, "", 0, float("nan"), False, False)
                rows.append((self._vlm.key, scene.id, condition, *nothing))
        return rows

    def _find(
        self, scene: Scene, image_tokens: torch.Tensor
    ) -> Iterator[tuple[int, int, str, int, float]]:
        """Token, state, text, value and probability of every token that decodes to a number."""
        grid = self._vlm.grid_of(scene.image())
        prompt = self._vlm.prompt(self._protocol.question, grid=grid)
        blocks = len(self._vlm.adapter.layers(self._vlm.model))
        late = list(self._protocol.late_states(blocks + 1))
        reading = Reading(rows="image", layers=late)
        lens = logit_lens(self._vlm, capture(self._vlm, [prompt], image_tokens, reading).states, 1)
        entries = lens.tokens[..., 0].T.cpu().numpy()
        chances = lens.log_probabilities[..., 0].exp().T.cpu().numpy()
        values = self._lexicon.numbers(entries)
        for token in np.flatnonzero(values.any(axis=1)):
            place = int(np.where(values[token] > 0, chances[token], -1).argmax())
            text = self._lexicon.texts[entries[token, place]]
            value = int(values[token, place])
            yield int(token), late[place], text, value, float(chances[token, place])


def main(options: argparse.Namespace) -> None:
    """Measure one model."""
    protocol, source = LensProtocol.read(options.protocol), read_model(options)
    numbers = pd.read_parquet(options.numbers)
    late = numbers[numbers["late"]]
    images = sorted(set(late.loc[late["background"], "image_id"]))
    coverage = pd.read_parquet(options.about / "coverage.parquet")
    lexicon = Lexicon.read(options.about / "words.json")
    rows: list[tuple] = []
    if images:
        coco, vlm = Coco(options.dataset, options.split), load_vlm(source)
        mean = load_mean_token(options.mean).to(vlm.device, vlm.dtype)
        words = NumberWords(vlm, mean, lexicon, protocol)
        for image in tqdm(images, desc="replace number words", unit="image"):
            scene = coco.scene(image)
            own = late.loc[late["image_id"] == image, "token"].unique()
            touched = coverage[(coverage["image_id"] == image) & (coverage["coverage"] > 0)]
            everything = np.arange(vlm.grid_of(scene.image()).tokens)
            rows += words.measure(scene, np.sort(own), np.setdiff1d(everything, touched["token"]))
    write_parquet(pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--numbers", type=Path, required=True, help="of lens.measure")
    parser.add_argument("--about", type=Path, required=True, help="tables beside the read-outs")
    parser.add_argument("--mean", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
