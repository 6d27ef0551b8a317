"""Masks from clicks on a SAM that was never told of [SEG], and masks on the pixels of an image."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import SamImageProcessorPil

from sightline.errors import SightlineError
from sightline.instruments.clicked_masks import clicked_mask
from sightline.instruments.points import ImagePoints
from sightline.instruments.similarity import NEGATIVE, NEUTRAL, POSITIVE
from sightline.models.segmenter import enlarge, load_frame
from tiny import build_tiny_sam, build_tiny_segmenter

DEMO = Path(__file__).parents[2] / "resources" / "demo"


def clicks(*rows):
    """(x, y, label) as points."""
    places = torch.tensor([row[:2] for row in rows], dtype=torch.float32)
    return ImagePoints(places, torch.tensor([row[2] for row in rows]), places)


@pytest.fixture(scope="module")
def embedding():
    return torch.randn(1, 16, 4, 4, generator=torch.Generator().manual_seed(0))


def test_the_mask_is_that_of_the_whole_model(embedding):
    """Against transformers' own forward pass, in a square image of the frame's size."""
    sam = build_tiny_sam()
    points = clicks((10, 20, POSITIVE), (50, 5, NEGATIVE))
    found = clicked_mask(sam, embedding, points, (64, 64))
    with torch.no_grad():
        out = sam(
            image_embeddings=embedding,
            input_points=points.places[None, None],
            input_labels=points.labels[None, None],
            multimask_output=True,
        )
    scores = out.iou_scores[0, 0]
    assert found.choice == int(scores.argmax()) and found.score == pytest.approx(
        float(scores.max())
    )
    expected = torch.nn.functional.interpolate(
        out.pred_masks[0, :, found.choice][None], (64, 64), mode="bilinear"
    )[0, 0]
    assert torch.equal(found.mask, expected > 0)


def test_the_frame_of_the_bundled_sam_is_that_of_its_segmenter():
    """The segmenter's folder has no processor of its own; that of the SAM it was trained from serves both."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 112, 3), np.uint8))
    frames = [load_frame(DEMO / name) for name in ("segmenter", "sam")]
    pixels = [frame(images=image, return_tensors="pt")["pixel_values"] for frame in frames]
    assert pixels[0].shape == (1, 3, 112, 112) and torch.equal(*pixels)
    assert (pixels[0][..., 80:, :] == 0).all() and (pixels[0][..., :80, :] != 0).any()
    with pytest.raises(SightlineError, match=r"preprocessor_config\.json"):
        load_frame(DEMO / "llava" / "nowhere")


def test_neutral_clicks_say_nothing_of_their_place(embedding):
    sam = build_tiny_sam()
    one = clicked_mask(sam, embedding, clicks((10, 20, POSITIVE), (5, 5, NEUTRAL)), (48, 64))
    other = clicked_mask(sam, embedding, clicks((10, 20, POSITIVE), (60, 40, NEUTRAL)), (48, 64))
    assert torch.equal(one.mask, other.mask) and one.score == other.score


@pytest.mark.parametrize("size", [(48, 64), (120, 70), (64, 64)])
def test_masks_are_enlarged_as_the_processor_does(size):
    logits = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    processor = SamImageProcessorPil(pad_size={"height": 64, "width": 64})
    scale = 64 / max(size)
    resized = tuple(int(side * scale + 0.5) for side in size)
    (expected,) = processor.post_process_masks(
        [logits], [size], [resized], binarize=False, pad_size={"height": 64, "width": 64}
    )
    torch.testing.assert_close(enlarge(logits, size, 64), expected)


def test_tokens_behind_the_transformer_make_the_mask(embedding):
    """The hypernetwork of mask token 0 times the enlarged places is the mask."""
    segmenter = build_tiny_segmenter()
    prompts = torch.randn(1, 2, 3, 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        tokens, places = segmenter.attended(embedding, prompts)
        logits = segmenter.decode(embedding, prompts)
        decoder = segmenter.sam.mask_decoder
        image = places.transpose(2, 3).reshape(2, 16, 4, 4)
        image = decoder.activation(decoder.upscale_layer_norm(decoder.upscale_conv1(image)))
        image = decoder.activation(decoder.upscale_conv2(image))
        hyper = decoder.output_hypernetworks_mlps[0](tokens[:, :, 1])
    assert tokens.shape == (1, 2, 5 + 3, 16)
    expected = (hyper[0, :, :, None, None] * image).sum(1)
    torch.testing.assert_close(logits[0], expected, rtol=1e-4, atol=1e-5)
    assert not segmenter.sam.mask_decoder.transformer._forward_hooks
