"""Pixels to tokens and back: images against the real processors, masks against images."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from sightline.scenes.coco import Coco
from sightline.scenes.geometry import (
    EmptyObjectError,
    Grid,
    Pad,
    ShortestSideCrop,
    Squash,
    Tiling,
    UnknownProcessorError,
    object_tokens,
    published_object_tokens,
    transform_of,
)
from sightline.scenes.records import AnnotationError
from sightline.scenes.scene import Instance, Scene

REAL = Path(
    os.environ.get("SIGHTLINE_REAL_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)
NEAREST = int(Image.Resampling.NEAREST)

SIZES = [(640, 427), (427, 640), (500, 375), (333, 500), (337, 336), (336, 336), (61, 40), (7, 5)]
PROCESSORS = {
    "crop": CLIPImageProcessorPil(size={"shortest_edge": 84}, crop_size=84),
    "crop of a larger size": CLIPImageProcessorPil(size={"shortest_edge": 96}, crop_size=84),
    "odd crop": CLIPImageProcessorPil(size={"shortest_edge": 85}, crop_size=78),
    "crop beyond the image": CLIPImageProcessorPil(size={"shortest_edge": 71}, crop_size=84),
    "squash": CLIPImageProcessorPil(size={"height": 84, "width": 84}, do_center_crop=False),
    "bilinear": CLIPImageProcessorPil(size={"shortest_edge": 84}, crop_size=84, resample=2),
    "pad": LlavaImageProcessorPil(size={"shortest_edge": 84}, crop_size=84, do_pad=True),
    "tiles": GotOcr2ImageProcessorPil(size={"height": 56, "width": 56}, crop_to_patches=True),
    "one tile": GotOcr2ImageProcessorPil(size={"height": 56, "width": 56}),
}
TRANSFORMS = {name: transform_of(processor) for name, processor in PROCESSORS.items()}

transforms = st.one_of(
    st.builds(Squash, st.just(56), st.just(NEAREST)),
    st.builds(ShortestSideCrop, st.integers(50, 90), st.just(56), st.just(NEAREST)),
    st.builds(Pad, st.just(56), st.booleans(), st.just(NEAREST)),
    st.builds(Tiling, st.just(56), st.just(1), st.integers(1, 6), st.just(NEAREST)),
)
sides = st.integers(5, 150)
grids = st.builds(Grid, st.integers(1, 6), st.integers(1, 6), st.integers(1, 5))
mosaics = st.builds(
    lambda down, across, side: Grid((down * across + 1) * side, side, 2, (down, across)),
    st.integers(1, 3),
    st.integers(2, 3),
    st.integers(1, 4),
)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """An image whose every pixel matters."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def random_mask(shape: tuple[int, int], seed: int, density: float = 0.03) -> np.ndarray:
    """Scattered pixels, (height, width) bool."""
    return np.random.default_rng(seed).random(shape) < density


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PROCESSORS)
def test_the_tower_frame_is_what_the_processor_makes(name, size):
    """Not a pixel differs: landscape, portrait, odd sizes, and images smaller than the crop."""
    image = noise(*size)
    plain = {"do_rescale": False, "do_normalize": False, "return_tensors": "np"}
    tiles = PROCESSORS[name](image, **plain)["pixel_values"]
    frame = np.concatenate([np.moveaxis(tile, 0, -1) for tile in tiles])
    np.testing.assert_array_equal(np.asarray(TRANSFORMS[name].apply_image(image)), frame)


@pytest.mark.parametrize("size", SIZES)
def test_the_tower_frame_of_sam(size):
    """SAM pads after normalising; in colours, its zeros are the mean."""
    processor = SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}
    )
    transform = transform_of(processor)
    assert isinstance(transform, Pad) and not transform.centered
    values = processor(noise(*size), return_tensors="np")["pixel_values"][0]
    mean, deviation = (
        np.reshape(values, (3, 1, 1)) for values in (processor.image_mean, processor.image_std)
    )
    frame = np.moveaxis((values * deviation + mean) * 255, 0, -1)
    np.testing.assert_allclose(np.asarray(transform.apply_image(noise(*size))), frame, atol=0.51)


def test_llava_is_read_from_its_processor():
    """The published setting: 336 px, 24 x 24 patches of 14 px."""
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}
    )
    transform = transform_of(processor)
    assert transform == ShortestSideCrop(336, 336)
    assert transform.grid(14, 640, 427) == Grid(24, 24, 14)


@pytest.mark.parametrize(
    "processor",
    [
        CLIPImageProcessorPil(do_resize=False),
        CLIPImageProcessorPil(do_center_crop=False),
        CLIPImageProcessorPil(crop_size={"height": 224, "width": 200}),
        CLIPImageProcessorPil(size={"height": 224, "width": 200}, do_center_crop=False),
        CLIPImageProcessorPil(size={"height": 256, "width": 256}),
        object(),
    ],
)
def test_a_processor_without_transform_is_refused(processor):
    """A guess would put every object in the wrong place."""
    with pytest.raises(UnknownProcessorError, match=r"do_resize=.*crop_size=.*geometry\.py"):
        transform_of(processor)


@given(transforms, sides, sides, st.integers(0, 99))
def test_a_mask_goes_where_its_pixels_go(transform, width, height, seed):
    """With every pixel's number as its colour, the frame tells which pixel went where."""
    number = np.arange(1, width * height + 1).reshape(height, width)
    pixels = np.stack([number % 256, number // 256 % 256, number // 65536], -1).astype(np.uint8)
    frame = np.asarray(transform.apply_image(Image.fromarray(pixels))).astype(int)
    origin = frame @ [1, 256, 65536]
    mask = random_mask((height, width), seed)
    wanted = np.concatenate([[False], mask.ravel()])[origin]
    np.testing.assert_array_equal(transform.apply_mask(mask), wanted)


@given(transforms, sides, sides, st.data())
def test_a_pixel_that_survives_lands_in_the_token_of_its_place(transform, width, height, data):
    """Positions and masks agree: its tokens are among those that the pixel's area touches."""
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    mask = np.zeros((height, width), bool)
    mask[y, x] = True
    grid = transform.grid(7, width, height)
    frame = transform.apply_mask(mask)
    assert frame.shape == (grid.rows * 7, grid.columns * 7)
    assume(frame.any())
    rows = grid.rows // grid.tiles
    touched = set()
    for tile, view in enumerate(transform.views(width, height)):
        left, top = view.forward(x, y)
        right, bottom = view.forward(x + 1, y + 1)
        touched |= {
            grid.index(tile * rows + row, column)
            for row in range(max(0, int(top // 7)), min(rows, int(bottom // 7) + 1))
            for column in range(max(0, int(left // 7)), min(grid.columns, int(right // 7) + 1))
        }
    tokens = set(object_tokens(frame, grid).tolist())
    assert tokens <= touched
    places = transform.to_tokens(x + 0.5, y + 0.5, grid, width, height)
    shrinks = all(
        view.resized[0] <= view.canvas[0] and view.resized[1] <= view.canvas[1]
        for view in transform.views(width, height)
    )
    if shrinks:
        # A shrunken pixel is no larger than a frame pixel, so it cannot win two tokens.
        assert tokens <= {grid.index(*place) for place in places}


@given(transforms, sides, sides, st.data())
def test_from_token_is_undone_by_to_tokens(transform, width, height, data):
    """The middle of a token's patch in the image falls into that token."""
    grid = transform.grid(7, width, height)
    row, column = grid.place(data.draw(st.integers(0, grid.tokens - 1)))
    x, y, w, h = transform.from_token(row, column, grid, width, height)
    assert w > 0 and h > 0
    assert (row, column) in transform.to_tokens(x + w / 2, y + h / 2, grid, width, height)


@given(transforms.filter(lambda t: not isinstance(t, Tiling)), sides, sides)
def test_patches_tile_what_the_tower_sees(transform, width, height):
    """Patches meet at their edges and leave nothing of the window out."""
    grid = transform.grid(7, width, height)
    x, y, w, h = transform.from_token(0, 0, grid, width, height)
    last_x, last_y, _, _ = transform.from_token(
        grid.rows - 1, grid.columns - 1, grid, width, height
    )
    left, top, seen_width, seen_height = transform.window(width, height)
    assert x <= left + 1e-9 and y <= top + 1e-9
    assert last_x + w >= left + seen_width - 1e-9 and last_y + h >= top + seen_height - 1e-9
    np.testing.assert_allclose(
        [last_x, last_y], [x + w * (grid.columns - 1), y + h * (grid.rows - 1)]
    )


@given(grids, st.integers(0, 999), st.integers(0, 3))
def test_object_tokens_equal_brute_force(grid, seed, buffer):
    """Patch by patch, then distance by distance."""
    patch = grid.patch
    mask = random_mask((grid.rows * patch, grid.columns * patch), seed, 0.05)
    places = [grid.place(token) for token in range(grid.tokens)]
    core = [
        (row, column)
        for row, column in places
        if mask[row * patch : (row + 1) * patch, column * patch : (column + 1) * patch].any()
    ]
    assume(core)
    wanted = [
        grid.index(*place)
        for place in places
        if any(max(abs(place[0] - r), abs(place[1] - c)) <= buffer for r, c in core)
    ]
    tokens = object_tokens(mask, grid, buffer)
    assert tokens.dtype == np.int64
    assert tokens.tolist() == wanted


@given(st.one_of(grids, mosaics), st.integers(0, 999))
def test_buffers_are_nested(grid, seed):
    """O is part of O+1 is part of O+2, strictly while there is room."""
    mask = random_mask((grid.rows * grid.patch, grid.columns * grid.patch), seed, 0.05)
    assume(mask.any())
    small, middle, large = (set(object_tokens(mask, grid, buffer)) for buffer in range(3))
    assert small <= middle <= large
    assert len(small) < len(middle) or len(small) == grid.tokens or grid.tiles > 1


def test_rings_cross_the_seams_of_a_mosaic():
    """Neighbours are neighbours in the image, not in the stack of tiles."""
    grid = Grid(10, 2, 1, mosaic=(2, 2))
    mask = np.zeros((10, 2), bool)
    mask[1, 1] = True  # lower right corner of the upper left tile
    rows_and_columns = [grid.place(token) for token in object_tokens(mask, grid, 1)]
    own = [(0, 0), (0, 1), (1, 0), (1, 1)]
    others = [(2, 0), (3, 0), (4, 0), (4, 1), (6, 0)]
    assert rows_and_columns == own + others


def test_an_object_outside_the_crop_is_no_object():
    """Silence would ablate nothing and call it robust."""
    transform, mask = ShortestSideCrop(56, 56), np.zeros((40, 120), bool)
    mask[:, :10] = True
    assert transform.share_inside(mask) == 0
    assert transform.share_inside(~mask) == 40 / 110
    with pytest.raises(EmptyObjectError, match="outside the crop"):
        object_tokens(transform.apply_mask(mask), transform.grid(7, 120, 40))


def test_a_mask_of_the_image_is_refused():
    """The commonest slip: a mask that has not been through the transform."""
    with pytest.raises(ValueError, match="apply_mask"):
        object_tokens(np.ones((427, 640), bool), Grid(24, 24, 14))


def test_a_tower_drops_the_rest_of_its_frame():
    """384 px in patches of 14 px leave 6 px."""
    mask = np.zeros((384, 384), bool)
    mask[380:] = True
    with pytest.raises(EmptyObjectError):
        object_tokens(mask, Grid(27, 27, 14))


def rectangle(left: float, top: float, right: float, bottom: float) -> Instance:
    """An object with four corners."""
    return Instance(
        id=1,
        category="cat",
        box=(left, top, right - left, bottom - top),
        area=(right - left) * (bottom - top),
        crowd=False,
        segmentation=[[left, top, right, top, right, bottom, left, bottom]],
    )


def scene_of(width: int, height: int, *instances: Instance) -> Scene:
    """A scene without an image file."""
    return Scene(1, Path("none.jpg"), width, height, tuple(instances))


def test_published_and_correct_geometry_agree_where_the_crop_is_a_multiple_of_the_grid():
    """480 px are 24 patches of 20 px."""
    grid, transform = Grid(24, 24, 14), ShortestSideCrop(336, 336)
    cat = rectangle(85.0, 105.0, 175.0, 135.0)
    scene = scene_of(640, 480, cat)
    right = object_tokens(transform.apply_mask(scene.mask(cat)), grid)
    # The crop starts at x = 80.
    wanted = [grid.index(row, column) for row in (5, 6) for column in range(5)]
    assert right.tolist() == wanted
    for buffer in range(3):
        correct = object_tokens(transform.apply_mask(scene.mask(cat)), grid, buffer)
        np.testing.assert_array_equal(published_object_tokens(cat, scene, grid, buffer), correct)


def test_published_geometry_drifts():
    """427 px are read as 24 patches of 17 px: low objects slip by one, 19 px are lost."""
    grid, transform = Grid(24, 24, 14), ShortestSideCrop(336, 336)
    cat = rectangle(300.0, 375.0, 310.0, 385.0)
    scene = scene_of(640, 427, cat)
    correct = object_tokens(transform.apply_mask(scene.mask(cat)), grid)
    assert {grid.place(token)[0] for token in correct} == {21}
    published = published_object_tokens(cat, scene, grid)
    assert {grid.place(token)[0] for token in published} == {22}
    low = rectangle(300.0, 410.0, 310.0, 425.0)
    with pytest.raises(EmptyObjectError):
        published_object_tokens(low, scene_of(640, 427, low), grid)


def test_published_geometry_drops_corners_outside_the_crop():
    """A rectangle cut by the crop keeps two corners of four, which is no polygon."""
    cut = rectangle(60.0, 100.0, 140.0, 140.0)
    with pytest.raises(EmptyObjectError):
        published_object_tokens(cut, scene_of(640, 480, cut), Grid(24, 24, 14))


def test_published_geometry_wants_polygons():
    """Crowds are run lengths."""
    crowd = Instance(1, "cat", (0, 0, 1, 1), 1.0, True, {"counts": [4], "size": [2, 2]})
    with pytest.raises(AnnotationError, match="run lengths"):
        published_object_tokens(crowd, scene_of(2, 2, crowd), Grid(1, 1, 2))


def outline(*corners: tuple[float, float]) -> Instance:
    """An object with any corners."""
    numbers = [float(number) for corner in corners for number in corner]
    return Instance(1, "cat", (0, 0, 0, 0), 0.0, False, [numbers])


@given(st.tuples(*[st.integers(0, 1200)] * 4))
def test_published_overlap_is_any_shared_area(tenths):
    """Touching an edge is not sharing area; a tenth of a pixel is."""
    left, right = sorted(tenths[:2])
    top, bottom = sorted(tenths[2:])
    assume(left < right and top < bottom)
    cat, grid = rectangle(*(side / 10 for side in (left, top, right, bottom))), Grid(12, 12, 10)
    wanted = [
        grid.index(row, column)
        for row in range(top // 100, -(-bottom // 100))
        for column in range(left // 100, -(-right // 100))
    ]
    assert published_object_tokens(cat, scene_of(120, 120, cat), grid).tolist() == wanted


def test_published_overlap_of_slanted_and_hollow_outlines():
    """A triangle covers half a square of cells; the hollow of a U is not the object."""
    grid = Grid(4, 4, 10)
    triangle = outline((0, 0), (40, 0), (0, 40))
    below = [grid.index(row, column) for row in range(4) for column in range(4 - row)]
    assert published_object_tokens(triangle, scene_of(40, 40, triangle), grid).tolist() == below
    hollow = outline((0, 0), (5, 0), (5, 35), (35, 35), (35, 0), (40, 0), (40, 40), (0, 40))
    tokens = published_object_tokens(hollow, scene_of(40, 40, hollow), grid)
    assert tokens.tolist() == [0, 3, 4, 7, 8, 11, 12, 13, 14, 15]


@pytest.mark.skipif(
    not (REAL / "coco").is_dir(), reason=f"no COCO images at {REAL}; set SIGHTLINE_REAL_DATA"
)
def test_official_objects_have_tokens_inside_their_boxes():
    """Through LLaVA's transform, an object's tokens overlap its annotated box."""
    transform, grid = ShortestSideCrop(336, 336), Grid(24, 24, 14)
    seen = 0
    for scene in Coco(REAL / "coco", "train2017").scenes():
        for instance in scene.instances:
            mask = scene.mask(instance)
            frame = transform.apply_mask(mask)
            if not frame.any():
                continue
            seen += 1
            x, y, width, height = instance.box
            for token in object_tokens(frame, grid):
                box = transform.from_token(*grid.place(token), grid, scene.width, scene.height)
                assert box[0] < x + width + 1 and x - 1 < box[0] + box[2]
                assert box[1] < y + height + 1 and y - 1 < box[1] + box[3]
    assert seen > 90
