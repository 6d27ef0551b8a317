"""Prompts of the segmenter's training, and the targets of the state at [SEG]."""

import pytest
import torch
from transformers import SamModel

from sightline.demo.architecture import build_segmenter
from sightline.demo.location_code import LocationCode
from sightline.demo.place_signal import PlaceSignal, token_places
from sightline.demo.segmenter_stage import draw_boxes, draw_clicks, intersection_over_union
from sightline.demo.training_set import draw_training_set
from sightline.demo.world import SIZE
from sightline.models.segmenter import Segmenter


@pytest.fixture(scope="module")
def scenes():
    return draw_training_set(5, 3, processes=1)


@pytest.fixture(scope="module")
def sam() -> SamModel:
    torch.manual_seed(0)
    return build_segmenter()


@pytest.fixture(scope="module")
def truth(scenes):
    """(scenes, 2 objects, height, width)."""
    numbers = torch.tensor([1, 2])[None, :, None, None]
    return (scenes.instances[:, None] == numbers).float()


def test_location_code_is_the_position_part_of_a_click(sam, scenes):
    """What [SEG] aims at is what the prompt encoder makes of a click there, less the embedding of "a click"."""
    objects = [thing for present in scenes.objects for thing in present]
    places = torch.tensor([thing.center for thing in objects])[None, :, None]
    labels = torch.ones(1, len(objects), 1, dtype=torch.long)
    clicks = Segmenter(sam, 8).encode_points(places, labels)[0, :, 0]
    clicks = clicks - sam.prompt_encoder.point_embed[1].weight
    torch.testing.assert_close(LocationCode(sam)(objects), clicks, rtol=1e-4, atol=1e-4)


def test_clicks_fall_where_their_labels_say(truth):
    generator = torch.Generator().manual_seed(0)
    hits = {0: [], 1: []}
    for _ in range(40):
        places, labels = draw_clicks(truth, 6, generator)
        x, y = places.round().long().unbind(-1)
        scene = torch.arange(len(truth))[:, None, None]
        prompt = torch.arange(2)[None, :, None]
        inside = truth[scene, prompt, y, x]
        for label in (0, 1):
            # The first click may drift off the object: it stands for a centroid.
            hits[label].append(inside[..., 1:][labels[..., 1:] == label])
        assert (labels[..., 0] == 1).all()
        assert places.min() >= 0 and places.max() <= SIZE - 1
    # One click in ten is labelled wrongly, on purpose.
    assert 0.8 < torch.cat(hits[1]).mean() < 0.99
    assert 0.01 < torch.cat(hits[0]).mean() < 0.35


def test_boxes_hold_their_objects(truth):
    boxes = draw_boxes(truth, torch.Generator().manual_seed(0))
    for mask, box in zip(truth.flatten(0, 1), boxes.flatten(0, 1), strict=True):
        rows, columns = mask.nonzero(as_tuple=True)
        tight = torch.stack([columns.min(), rows.min(), columns.max(), rows.max()]).float()
        assert (box - tight).abs().max() < 8


def test_prompts_lead_to_masks_of_the_decoder_size(sam, scenes, truth):
    segmenter = Segmenter(sam, 8)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.zeros(3, 3, SIZE, SIZE)
    for prompts in (
        segmenter.encode_boxes(draw_boxes(truth, generator)),
        segmenter.encode_points(*draw_clicks(truth, 3, generator)),
    ):
        assert segmenter.mask_logits(pixels, prompts).shape == (3, 2, SIZE // 2, SIZE // 2)


def test_overlap_of_hand_made_masks():
    truth = torch.zeros(2, 8, 8)
    truth[:, :4] = 1
    logits = torch.where(truth > 0, 1.0, -1.0)
    logits[1, :2] = -1.0
    assert intersection_over_union(logits, truth).tolist() == [1.0, 0.5]


def test_place_signal_is_zero_for_tokens_that_say_their_place(scenes):
    signal = PlaceSignal(192, seed=0)
    places = token_places(scenes)
    angles = torch.cat([torch.pi * places, 2 * torch.pi * places], -1)
    loud = 2.5 * torch.cat([angles.sin(), angles.cos()], -1) @ signal.directions.T
    # Fill up to a root mean square of 1 in a direction the signal does not use.
    other = torch.linalg.qr(torch.cat([signal.directions, torch.randn(192, 1)], 1)).Q[:, 8]
    missing = (192 - loud.square().sum(-1, keepdim=True)).sqrt()
    image = 30 * (loud + missing * other)
    assert signal(image, places) < 1e-6
    assert signal(image, places.flip(1)) > 0.1


def test_tokens_of_an_object_name_its_centre(scenes):
    places = token_places(scenes)
    thing = scenes.objects[0][0]
    column, row = (int(value // 8) for value in thing.center)
    wanted = torch.tensor(thing.center) / SIZE - 0.5
    torch.testing.assert_close(places[0, row * 14 + column], wanted)
