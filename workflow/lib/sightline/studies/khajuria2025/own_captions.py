"""Captions that an encoder's own decoder gives to the images with pairs (khajuria2025, v3 Figure 4).

Library default decoding with an empty prompt, as published; one row per image: split, image_id, caption.

python -m sightline.studies.khajuria2025.own_captions --encoder encoder.json --dataset results/paper/data/coco \
    --samples samples.parquet --out captions/blip.parquet
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from tqdm import tqdm

from sightline import cli
from sightline.errors import SightlineError
from sightline.files import write_parquet
from sightline.models.encoders.source import EncoderSource
from sightline.studies.khajuria2025.names import PAIRS
from sightline.studies.khajuria2025.scene_files import IMAGE, Scenes, batches

if TYPE_CHECKING:
    from sightline.models.encoders.encoder import Encoder


class CaptionError(SightlineError):
    """There is nothing to caption."""


def caption_images(encoder: "Encoder", images: pd.DataFrame, scenes: Scenes) -> pd.DataFrame:
    """One caption per image.

    Args:
        encoder: with a decoder.
        images: columns split and image_id.
        scenes: to read them from.

    Raises:
        ModelError: the encoder has no decoder.
    """
    captions: list[str] = []
    with tqdm(total=len(images), desc=f"captions of {encoder.key}", mininterval=5) as progress:
        for batch in batches(images, encoder.source.batch_size):
            keys = zip(batch["split"], batch["image_id"], strict=True)
            captions += encoder.caption(encoder.pixels([scenes[key].image() for key in keys]))
            progress.update(len(batch))
    return images[IMAGE].assign(caption=captions)


def main(options: argparse.Namespace) -> None:
    """Caption the images of all tasks."""
    samples = pd.read_parquet(options.samples, columns=["part", *IMAGE])
    images = samples.loc[samples["part"] == PAIRS, IMAGE].drop_duplicates().reset_index(drop=True)
    if images.empty:
        raise CaptionError(f"{options.samples}: no image with a pair. Run select_pairs again.")
    # Transformers takes seconds to import.
    from sightline.models.encoders.loading import load_encoder

    source = replace(
        EncoderSource.read(options.encoder), batch_size=options.batch_size, device=options.device
    )
    encoder = load_encoder(source)
    write_parquet(caption_images(encoder, images, Scenes(options.dataset)), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", type=Path, required=True, help="encoder file, JSON")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--batch-size", type=int, default=32, help="images at a time")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True, help="captions, Parquet")
    cli.run(main, parser)
