"""Selection: every image has a fate, and the fate does not depend on the batch size."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neo2025_fakes import PROTOCOL
from sightline.scenes.geometry import Squash, Tiling
from sightline.scenes.mentions import Vocabulary
from sightline.scenes.scene import Instance, Scene
from sightline.studies.neo2025.candidates import Candidate
from sightline.studies.neo2025.selection import (
    COLUMNS,
    SelectionError,
    count,
    require_one_tile,
    select,
    visible_tokens,
)

SIDE = 112
VOCABULARY = Vocabulary(("car", "cat", "dog"))
COLORS = {"car": (255, 0, 0), "dog": (0, 0, 255)}


class Describer:
    """Names a car where it sees red, a dog where it sees blue, and a car on any green ground."""

    def __init__(self) -> None:
        """The geometry of the embedded world's tower."""
        self.transform = Squash(SIDE)
        self.grid = self.transform.grid(8, SIDE, SIDE)
        self.described = 0

    def encode_images(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """Pixels stand in for image tokens."""
        return torch.stack([torch.from_numpy(np.array(image)) for image in images])

    def prompt(self, question: str) -> str:
        """The question itself."""
        return question

    def generate(self, prompt: str, tokens: torch.Tensor, max_new_tokens: int) -> list[str]:
        """One description per image."""
        self.described += len(tokens)
        return [self._describe(pixels.numpy()) for pixels in tokens]

    def _describe(self, pixels: np.ndarray) -> str:
        seen = [
            name
            for name, color in COLORS.items()
            if (np.abs(pixels.astype(int) - color).max(-1) < 60).sum() > 100
        ]
        ground = pixels[-1, -1]
        guessed = ["car"] if ground[1] > 200 and ground[0] < 50 else []
        return "a picture with a " + " and a ".join([*seen, *guessed, "carpet"])


def write(folder: Path, number: int, category: str, ground: str = "white", **changes) -> Scene:
    """A scene of one square object, 16 x 16 px, 256 px^2."""
    pixels = Image.new("RGB", (SIDE, SIDE), ground)
    pixels.paste(COLORS.get(category, (120, 120, 120)), (40, 40, 56, 56))
    path = folder / f"{number}.png"
    pixels.save(path)
    outline = [[40, 40, 56, 40, 56, 56, 40, 56]]
    fields = {"area": 256.0, "crowd": False, "segmentation": outline} | changes
    thing = Instance(id=10 * number, category=category, box=(40, 40, 16, 16), **fields)
    return Scene(number, path, SIDE, SIDE, (thing,))


@pytest.fixture
def scenes(tmp_path: Path) -> list[Scene]:
    """Nine images, one for each fate and some to be kept."""
    return [
        Scene(0, tmp_path / "none.png", SIDE, SIDE),
        write(tmp_path, 1, "car"),
        write(tmp_path, 2, "car", ground="lime"),
        write(tmp_path, 3, "cat"),
        write(tmp_path, 4, "dog"),
        write(tmp_path, 5, "dog", area=5000.0),
        write(tmp_path, 6, "dog", crowd=True),
        *(write(tmp_path, number, "dog") for number in range(7, 12)),
    ]


def test_every_image_leaves_a_row_with_its_reason(scenes: list[Scene]):
    """Kept only if named at first and not behind noise."""
    table = select(scenes, Describer(), VOCABULARY, PROTOCOL, batch_size=2)
    assert dict(zip(table["image_id"], table["reason"], strict=True)) == {
        0: "no annotation",
        1: "kept",
        2: "still named behind noise",
        3: "not named in the description",
        4: "kept",
        5: "no sole instance of the wanted size",
        6: "crowd region",
        7: "kept",
        8: "kept",
        9: "enough images before it",
        10: "enough images before it",
        11: "enough images before it",
    }
    assert list(table.columns) == list(COLUMNS)
    assert table["kept"].sum() == PROTOCOL.accepted
    assert count(table)["images"].sum() == len(scenes)


def test_reasons_that_no_model_decides_come_first(scenes: list[Scene], tmp_path: Path):
    """A crowd region behind the last image needed is still told as one: its question must not be asked."""
    late = write(tmp_path, 12, "dog", crowd=True)
    table = select([*scenes, late], Describer(), VOCABULARY, PROTOCOL, batch_size=2)
    assert table.set_index("image_id")["reason"][12] == "crowd region"


def test_judge_as_published_reads_car_in_carpet(scenes: list[Scene]):
    """Its substring match still finds a car behind the noise, so it rejects the image."""
    table = select(scenes, Describer(), VOCABULARY, PROTOCOL, batch_size=4).set_index("image_id")
    assert table["kept"][1] and not table["kept_as_published"][1]
    assert table["kept"][4] and table["kept_as_published"][4]


class NoiseReader(Describer):
    """Tells whether every patch of the hidden object shows the same noise; blind to objects behind it."""

    def _describe(self, pixels: np.ndarray) -> str:
        patches = pixels[40:56, 40:56].reshape(2, 8, 2, 8, 3).swapaxes(1, 2).reshape(4, -1)
        if (patches == patches[0]).all():
            return "a carpet" if len(np.unique(patches[0])) > 9 else super()._describe(pixels)
        return "noise"


def test_each_judge_looks_behind_noise_of_its_own(tmp_path: Path):
    """One tile everywhere as published, its own in every patch corrected (neo2025 section 5.3, B14)."""
    scene = write(tmp_path, 1, "car")
    (row,) = select([scene], NoiseReader(), VOCABULARY, PROTOCOL, 2).itertuples()
    assert row.description_behind_noise == "noise"
    assert row.description_behind_repeated_noise == "a carpet"
    assert row.kept and not row.kept_as_published


def test_a_judge_that_found_nothing_does_not_look_again(tmp_path: Path):
    """The published one finds the name in "carpet", the corrected one does not."""
    model = Describer()
    scene = write(tmp_path, 1, "car")
    Image.new("RGB", (SIDE, SIDE), "white").save(scene.path)
    (row,) = select([scene], model, VOCABULARY, PROTOCOL, 2).itertuples()
    assert row.description_behind_noise == "" and row.description_behind_repeated_noise != ""
    assert model.described == 2


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batch_size_changes_nothing(scenes: list[Scene], batch_size: int):
    """Images screened beyond the wanted number are not reported as screened, nor are files missed there."""
    scenes[9].path.unlink()
    one = select(scenes, Describer(), VOCABULARY, PROTOCOL, batch_size=2)
    other = select(scenes, Describer(), VOCABULARY, PROTOCOL, batch_size=batch_size)
    assert one.equals(other)
    assert one["reason"][9] == "enough images before it"


def test_object_outside_the_crop_is_dropped(tmp_path: Path):
    """An outline beyond the image covers no token."""
    scene = write(tmp_path, 1, "car", segmentation=[[-40, -40, -20, -40, -20, -20, -40, -20]])
    model = Describer()
    table = select([scene], model, VOCABULARY, PROTOCOL, batch_size=2)
    assert table["reason"].item() == "less than half inside the crop"
    assert model.described == 0


def test_tokens_lie_under_the_object(tmp_path: Path):
    """16 px from 40 are tokens 5 and 6 in both directions of a grid of 8 px patches."""
    scene = write(tmp_path, 1, "car")
    tokens = visible_tokens(Candidate(scene, scene.instances[0]), Describer())
    assert [divmod(int(token), 14) for token in tokens] == [(5, 5), (5, 6), (6, 5), (6, 6)]


def test_a_model_with_tiles_is_refused():
    """Its object would lie in several views of the image."""
    vlm = Describer()
    require_one_tile(vlm)
    vlm.key, vlm.transform = "internvl", Tiling(448, largest=6)
    with pytest.raises(SelectionError, match=r"models\.internvl\.tiles: 6"):
        require_one_tile(vlm)
