"""The images a run will look at are those that its studies choose when all images are there."""

import json
from pathlib import Path

import pytest
import yaml

from sightline.demo.write_world import main as write_world
from sightline.scenes.coco import Coco
from sightline.studies.image_counts import CANDIDATES, count_images
from sightline.studies.kaduri2025.images import draw_images
from sightline.studies.khajuria2025.protocol import Protocol as ProbingProtocol
from sightline.studies.khajuria2025.samples import global_rows, pair_rows
from sightline.studies.khajuria2025.selection import Selection
from sightline.studies.neo2025.candidates import candidates
from sightline.studies.neo2025.lens.image_set import SAMPLES, choose_images
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.protocol import Protocol as AblationProtocol
from sightline.studies.neo2025.questions import from_templates
from sightline.studies.wanted_images import Present, find_wanted

ROOT = Path(__file__).parents[2]
SPLIT, IMAGES = "train2017", 150


class Options:
    """Arguments of the world's command."""

    dataset, split, images, seed, processes = "coco", SPLIT, IMAGES, 2, 1

    def __init__(self, out: Path) -> None:
        self.out = out


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("coco")
    write_world(Options(folder))
    return folder


@pytest.fixture(scope="module")
def studies() -> dict:
    """The settings of the mini run, all on one split."""
    text = (ROOT / "config" / "mini.yaml").read_text()
    for split in ("val2017", "probing"):
        text = text.replace(f"split: {split}", f"split: {SPLIT}")
    found = yaml.safe_load(text)["studies"]
    return {name: settings | {"seed": 0} for name, settings in found.items()}


def wanted(root: Path, name: str, settings: dict) -> set[int]:
    return set(find_wanted(Present(root, SPLIT), SPLIT, {name: settings}))


def without_images(root: Path, tmp_path: Path) -> Path:
    """The same annotations, and no image."""
    (tmp_path / "annotations").symlink_to(root / "annotations")
    return tmp_path


def test_drawn_images_are_those_of_kaduri2025(root, studies, tmp_path):
    settings = studies["kaduri2025"]
    drawn = draw_images(Coco(root, SPLIT).scenes(), settings["images"]["count"], 0)
    expected = set(drawn.loc[drawn["drawn"], "image_id"])
    assert wanted(without_images(root, tmp_path), "kaduri2025", settings) == expected
    assert len(expected) == settings["images"]["count"]


def test_lens_questions_and_candidates_are_those_of_neo2025(root, studies, tmp_path):
    settings = studies["neo2025"] | {"reference": {"source": "authors"}}
    coco = Coco(root, SPLIT)
    ablation = AblationProtocol.parse(settings)
    lens = LensProtocol.parse(settings["lens"] | {"seed": 0, "bootstrap": 100})
    samples = choose_images(coco.scenes(), lens)
    expected = set(samples.loc[samples[list(SAMPLES)].any(axis=1), "image_id"])
    expected |= set(from_templates(coco.scenes(), ablation)["image_id"])
    pool = [one.scene.id for one in candidates(coco.scenes(), ablation)]
    expected |= set(pool[: CANDIDATES * ablation.accepted])
    assert wanted(without_images(root, tmp_path), "neo2025", settings) == expected


def test_authors_questions_are_wanted(root, studies, tmp_path):
    pool = [
        one.scene.id
        for one in candidates(
            Coco(root, SPLIT).scenes(), AblationProtocol.parse(studies["neo2025"])
        )
    ]
    file = tmp_path / "questions.json"
    file.write_text(json.dumps({str(pool[-1]): ["What is it?"]}))
    settings = studies["neo2025"] | {
        "vqa_set": {"source": "authors", "questions": 9, "file": str(file)}
    }
    assert pool[-1] in wanted(root, "neo2025", settings)


def test_samples_are_those_of_khajuria2025(root, studies, tmp_path):
    protocol = ProbingProtocol.parse(studies["khajuria2025"])
    coco = Coco(root, SPLIT)
    expected = {row["image_id"] for row in pair_rows(coco, SPLIT, protocol, Selection(protocol))}
    expected |= {
        row["image_id"] for row in global_rows(coco, "part", protocol.global_train, protocol)
    }
    assert expected
    assert wanted(without_images(root, tmp_path), "khajuria2025", studies["khajuria2025"]) >= (
        expected
    )


def ask_pope(folder: Path, numbers: list[int]) -> Path:
    """A copy of POPE that asks about images of COCO."""
    folder.mkdir()
    lines = [
        json.dumps({"image": f"COCO_val2014_{n:012d}.jpg", "text": "Is it?", "label": "no"})
        for n in numbers
    ]
    for kind in ("random", "popular", "adversarial"):
        (folder / f"coco_pope_{kind}.json").write_text("\n".join(lines))
    return folder


def test_pictures_of_a_local_pope_are_wanted_and_counted(root, studies, tmp_path):
    """Those of the split alone; in which split one is, the count cannot know."""
    settings = studies["kaduri2025"]
    drawn = wanted(root, "kaduri2025", settings)
    others = [one for one in Coco(root, SPLIT).image_ids if one not in drawn][:3]
    pope = ask_pope(tmp_path / "pope", [*others, 10**9])
    found = wanted(root, "kaduri2025", settings | {"pope": str(pope)})
    assert found == drawn | set(others)
    datasets = {"mme": {"source": "local"}, "pope": {"source": "local", "path": str(pope)}}
    counts = count_images({"studies": {"kaduri2025": settings}, "datasets": datasets})
    assert counts == {SPLIT: len(drawn) + 4, "val2017": 4}


def test_no_more_is_wanted_than_was_counted(root, studies):
    for name in ("neo2025", "kaduri2025"):
        most = count_images({"studies": {name: studies[name]}})[SPLIT]
        assert 0 < len(wanted(root, name, studies[name])) <= most


def test_whole_splits_and_numbers_are_told_apart():
    configs = {
        name: yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())
        for name in ("paper", "quick")
    }
    assert count_images(configs["paper"]) == {"train2017": None, "val2017": None}
    quick = count_images(configs["quick"])
    assert None not in quick.values() and quick["train2017"] < 10_000
