"""Cosine of one token of an object with all tokens of the image, layer by layer, over many images (section 4.4).

The token is the one nearest the middle of the object's own tokens. Where the run has the published image it comes
first and its map is shown, as published with the very tokens that were looked at there. Layers are outputs of
blocks; the published maps call the input embedding layer 1, and clip negative cosines to 0 as the numbers ``mean``,
``adjacent`` and ``above_half`` do here.

python -m sightline.studies.khajuria2025.probes.similarity --encoder encoder.json --dataset results/demo/data/coco \
    --protocol khajuria2025.json --settings probes.json --samples samples.parquet --out similarity.parquet \
    --maps maps.parquet --tests tests.csv
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import write_csv, write_parquet
from sightline.intervals import bootstrap_mean
from sightline.models.encoders.encoder import Encoder
from sightline.models.encoders.source import EncoderSource
from sightline.scenes.geometry import Grid
from sightline.studies.khajuria2025 import names as stored
from sightline.studies.khajuria2025.placing import Placing
from sightline.studies.khajuria2025.probes.failures import COLUMNS as TEST_COLUMNS
from sightline.studies.khajuria2025.probes.measurements import AS_PUBLISHED, CORRECTED
from sightline.studies.khajuria2025.probes.published_image import is_published, published_token
from sightline.studies.khajuria2025.probes.settings import ProbeSettings
from sightline.studies.khajuria2025.protocol import Protocol
from sightline.studies.khajuria2025.scene_files import IMAGE, Scenes, batches, stored_mask

COLUMNS = (
    "encoder", "variant", "split", "image_id", "task", "role", "layer", "tokens", "within", "outside",
    "adjacent", "mean", "above_half",
)  # fmt: skip
MAP_COLUMNS = (
    "encoder", "image_id", "role", "category", "layer", "rows", "columns", "token", "values", "members",
    "picture", "height", "width",
)  # fmt: skip
FEWEST_TOKENS = 3
VARIANTS = {CORRECTED: stored.CORRECTED, AS_PUBLISHED: stored.PUBLISHED}

Tokens = NDArray[np.int64]


class SimilarityError(SightlineError):
    """No image has two objects with enough tokens."""


def middle_token(tokens: Tokens, grid: Grid) -> int:
    """The token of a set that lies nearest the set's middle."""
    places = np.stack([tokens // grid.columns, tokens % grid.columns], 1)
    return int(tokens[np.argmin(((places - places.mean(0)) ** 2).sum(1))])


def neighbours(token: int, grid: Grid) -> Tokens:
    """The up to eight tokens around one."""
    row, column = divmod(token, grid.columns)
    return np.array(
        [
            y * grid.columns + x
            for y in range(max(0, row - 1), min(grid.rows, row + 2))
            for x in range(max(0, column - 1), min(grid.columns, column + 2))
            if (y, x) != (row, column)
        ],
        dtype=np.int64,
    )


def numbers(
    cosines: NDArray[np.float32], token: int, members: Tokens, grid: Grid
) -> dict[str, float]:
    """What a map says.

    Args:
        cosines: (tokens,) with the chosen one.
        token: the chosen one.
        members: tokens of its object, the chosen one among them.
        grid: of the tokens.
    """
    others = np.delete(np.arange(len(cosines)), token)
    inside = np.setdiff1d(members, token)
    outside = np.setdiff1d(others, members)
    clipped = cosines.clip(min=0)
    return {
        "within": float(cosines[inside].mean()),
        "outside": float(cosines[outside].mean()) if len(outside) else float("nan"),
        "adjacent": float(clipped[neighbours(token, grid)].mean()),
        "mean": float(clipped[others].mean()),
        "above_half": float((cosines[others] > 0.5).mean()),
    }


def cosine_map(states: torch.Tensor, token: int) -> NDArray[np.float32]:
    """(tokens,) cosines of one token with all, from states (tokens, width)."""
    unit = torch.nn.functional.normalize(states.float(), dim=1)
    return (unit @ unit[token]).cpu().numpy()


class Maps:
    """Reads images with an encoder and looks at its maps.

    Args:
        encoder: to read with.
        placing: from masks to tokens.
        scenes: images.
        variants: names of the measurements -> names of the placing.
    """

    def __init__(
        self, encoder: Encoder, placing: Placing, scenes: Scenes, variants: dict[str, str]
    ) -> None:
        self._encoder, self._placing, self._scenes = encoder, placing, scenes
        self._variants = variants

    @torch.no_grad()
    def read(self, pairs: pd.DataFrame) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
        """Rows (COLUMNS) of all pairs, and beside the corrected ones those of a map (MAP_COLUMNS)."""
        images = pairs[IMAGE].drop_duplicates().reset_index(drop=True)
        for batch in batches(images, self._encoder.source.batch_size):
            keys = list(zip(batch["split"], batch["image_id"], strict=True))
            seen = [self._scenes[key].image() for key in keys]
            states = self._encoder.states(self._encoder.pixels(seen))
            for place, key in enumerate(keys):
                here = pairs[(pairs["split"] == key[0]) & (pairs["image_id"] == key[1])]
                here = here.assign(published=is_published(here))
                for sample in here.to_dict("records"):
                    yield from self._of_object(
                        sample, [one[place, 1:] for one in states], seen[place]
                    )

    def _of_object(
        self, sample: dict[str, Any], states: list[torch.Tensor], picture: Any
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
        mask = stored_mask(sample)
        shown_as = AS_PUBLISHED if sample["published"] else CORRECTED
        for variant, placing in self._variants.items():
            sets = self._placing.tokens(mask, placing)
            for layer, state in enumerate(states):
                number = self._placing.grid_of_layer[layer]
                grid, members = self._placing.grids[number], sets[number]
                if len(members) < FEWEST_TOKENS or members.max() >= len(state):
                    continue
                if sample["published"] and variant == AS_PUBLISHED:
                    token = published_token(sample["role"], grid)
                else:
                    token = middle_token(members, grid)
                cosines = cosine_map(state, token)
                base = {key: sample[key] for key in ("split", "image_id", "task", "role")}
                base |= {"encoder": self._encoder.key, "variant": variant, "layer": layer}
                row = base | {"tokens": len(members)} | numbers(cosines, token, members, grid)
                shown = None
                if variant == shown_as:
                    pixels = np.asarray(picture.convert("RGB"))
                    shown = {
                        "encoder": self._encoder.key, "image_id": sample["image_id"],
                        "role": sample["role"], "category": sample["category"], "layer": layer,
                        "rows": grid.rows, "columns": grid.columns, "token": token,
                        "values": cosines.astype(np.float32).tobytes(),
                        "members": members.astype(np.int64).tobytes(), "picture": pixels.tobytes(),
                        "height": pixels.shape[0], "width": pixels.shape[1],
                    }  # fmt: skip
                yield row, shown


def choose(samples: pd.DataFrame, images: int) -> pd.DataFrame:
    """Both objects of some images, as many of each task, both of at least a few tokens on a common grid.

    The published image is the first, if it is there.
    """
    pairs = samples[samples["part"] == stored.PAIRS]
    large = pairs.groupby(["task", *IMAGE])["cells"].transform("min") >= 2 * FEWEST_TOKENS
    pairs = pairs[large]
    if pairs.empty:
        raise SimilarityError("no image of a pair shows two objects of enough tokens.")
    # A stable sort: the published image first, all others in their order.
    pairs = pairs.iloc[np.argsort(~is_published(pairs).to_numpy(), kind="stable")]
    keys = pairs[["task", *IMAGE]].drop_duplicates()
    each = max(1, images // keys["task"].nunique())
    return keys.groupby("task").head(each).merge(pairs, on=["task", *IMAGE])


def tests(rows: pd.DataFrame, seed: int, draws: int) -> Iterator[tuple[Any, ...]]:
    """The numbers that claim C6 rests on, TEST_COLUMNS, per variant."""
    rows = rows.dropna(subset=["within", "outside"])
    for (encoder, variant), some in rows.groupby(["encoder", "variant"], sort=False):
        some = some.assign(gap=some["within"] - some["outside"])
        layers = sorted(some["layer"].unique())
        late = some[some["layer"].isin(layers[-max(1, len(layers) // 3) :])]
        wide = some.pivot_table(index=["image_id", "task", "role"], columns="layer", values="gap")
        rise = (wide[layers[-1]] - wide[layers[0]]).dropna().reset_index(name="gap")
        for name, part in (
            ("within minus outside, last third", late),
            ("within minus outside, last minus first layer", rise),
        ):
            interval = bootstrap_mean(part["gap"], part["image_id"], seed, draws)
            n = part["image_id"].nunique()
            yield encoder, variant, name, part["gap"].mean(), *interval, n


def main(options: argparse.Namespace) -> None:
    """Write numbers of all images, maps of one, and the tests."""
    protocol, settings = Protocol.read(options.protocol), ProbeSettings.read(options.settings)
    samples = choose(pd.read_parquet(options.samples), settings.similarity_images)
    # Transformers takes seconds to import.
    from sightline.models.encoders.loading import load_encoder

    torch.set_num_threads(options.threads)
    encoder = load_encoder(replace(EncoderSource.read(options.encoder), device=options.device))
    placing = Placing(
        encoder.transform, encoder.grids, protocol.published_grids.get(encoder.key), None
    )
    variants = {name: one for name, one in VARIANTS.items() if one in protocol.variants}
    reader = Maps(encoder, placing, Scenes(options.dataset), variants)
    rows, maps = [], []
    complete: int | None = None
    for row, shown in reader.read(samples):
        rows.append(row)
        if shown is None or (complete is not None and shown["image_id"] != complete):
            continue
        # The first image whose both objects have maps is shown.
        if maps and maps[-1]["image_id"] != shown["image_id"]:
            if {one["role"] for one in maps} == set(stored.ROLES):
                complete = maps[-1]["image_id"]
                continue
            maps = []
        maps.append(shown)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    write_parquet(table, options.out)
    write_parquet(pd.DataFrame(maps, columns=list(MAP_COLUMNS)), options.maps)
    lines = tests(table, settings.seed, settings.bootstrap)
    write_csv(pd.DataFrame(lines, columns=list(TEST_COLUMNS)), options.tests)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", type=Path, required=True, help="encoder file, JSON")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--settings", type=Path, required=True, help="of the probes, JSON")
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--maps", type=Path, required=True)
    parser.add_argument("--tests", type=Path, required=True)
    cli.run(main, parser)
