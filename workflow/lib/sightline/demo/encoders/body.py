"""The body that all encoders share: a CLIP-type tower, 8 x 8 tokens of 14 px, 0.6 M parameters.

pixels (3, 112, 112) -> embeddings (1 + 64, 96) -> 6 blocks -> states (1 + 64, 96); the CLS token comes first.
Read-outs use block outputs; the norm behind the last block serves the pooled CLS of an objective alone.
"""

import random

import torch
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModel

from sightline.demo.precision import TRAINING
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import TrainingSet, jitter, normalise
from sightline.demo.world import SIZE

PATCH = 14
WIDTH = 96


def body_config() -> CLIPVisionConfig:
    """Six blocks of width 96 with four heads."""
    return CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=6,
        num_attention_heads=4,
        image_size=SIZE,
        patch_size=PATCH,
        projection_dim=WIDTH,
        hidden_act="gelu",
    )


def build_body() -> CLIPVisionModel:
    """A body with random weights."""
    return CLIPVisionModel(body_config())


class Batches:
    """Augmented training images, drawn from a seed and the step.

    Args:
        scenes: to draw from.
        size: images per batch.
        seed: of the drawing.
    """

    def __init__(self, scenes: TrainingSet, size: int, seed: int) -> None:
        self.scenes, self.size, self._seed = scenes, size, seed

    def draw(self, step: int) -> tuple[list[int], random.Random, torch.Generator]:
        """Indices of the scenes of a step, and random numbers that belong to it."""
        rng = random.Random(f"encoder {self._seed} {step}")
        chosen = rng.sample(range(len(self.scenes)), self.size)
        return chosen, rng, torch.Generator().manual_seed(rng.getrandbits(48))

    def pixels(self, chosen: list[int], generator: torch.Generator) -> Tensor:
        """Jittered images (batch, 3, SIZE, SIZE), half of them mirrored and all shifted by up to 6 px.

        Every object keeps its category, and words never tell left from right here.
        """
        images = jitter(normalise(self.scenes.pixels[torch.tensor(chosen)]), generator)
        mirrored = torch.rand(len(chosen), generator=generator) < 0.5
        images[mirrored] = images[mirrored].flip(-1)
        padded = torch.nn.functional.pad(images, (6, 6, 6, 6), mode="replicate")
        shifts = torch.randint(0, 13, (len(chosen), 2), generator=generator).tolist()
        return torch.stack(
            [
                image[:, y : y + SIZE, x : x + SIZE]
                for image, (y, x) in zip(padded, shifts, strict=True)
            ]
        ).to(TRAINING)


def clean_pixels(scenes: TrainingSet, chosen: slice) -> Tensor:
    """Images (batch, 3, SIZE, SIZE) as they are."""
    return normalise(scenes.pixels[chosen]).to(TRAINING)


def primary_labels(scenes: TrainingSet) -> Tensor:
    """Category of the dominant object of every scene, (scenes,) int64."""
    return torch.tensor(
        [
            CATEGORIES.index(next(thing.category for thing in present if thing.dominant))
            for present in scenes.objects
        ]
    )
