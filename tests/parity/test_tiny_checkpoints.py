"""Random checkpoints that the mini run writes: the same from the same seed, and loaded as the published ones are."""

import argparse
import json

import pytest

from sightline.demo.tiny.words import COCO, all_words, build_tokenizer
from sightline.demo.tiny.write import KINDS, main
from sightline.errors import SightlineError
from sightline.files import sha256
from sightline.models.encoders.loading import load_encoder
from sightline.models.encoders.source import EncoderSource
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource
from sightline.scenes.mentions import coco_synonyms

VLMS = {
    "llava": ("llava", "llava-1.5"),
    "llava-phi3": ("llava", "llava-phi-3"),
    "internvl": ("internvl", "internvl"),
    "qwen2.5-vl": ("qwen2_5_vl", "qwen2.5-vl"),
}


def write(kind, folder, seed=0):
    manifest = folder.with_name(f"{folder.name}.json")
    main(argparse.Namespace(kind=kind, seed=seed, out=folder, manifest=manifest))
    return json.loads(manifest.read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_files(kind, tmp_path):
    first, again = (write(kind, tmp_path / name) for name in ("first", "again"))
    assert first == again
    assert first["files"] == {
        file.name: sha256(file) for file in (tmp_path / "first").iterdir() if file.is_file()
    }
    assert write(kind, tmp_path / "other", seed=1)["files"] != first["files"]
    assert not [name for name in first["files"] if name.endswith(".bin")]


def test_nothing_is_written_through_a_link(tmp_path):
    """As a fetched checkpoint links into the user's own cache; what it was made of is no part of the new one."""
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    (tmp_path / "model").mkdir()
    for name in ("config.json", "merges.txt"):
        (tmp_path / "model" / name).symlink_to(theirs)
    files = write("vit", tmp_path / "model")["files"]
    assert theirs.read_text() == "theirs"
    assert "config.json" in files and "merges.txt" not in files


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(SightlineError, match=r"holds thesis\.tex, but no config\.json"):
        write("vit", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_weights_can_be_read_by_others(tmp_path):
    write("vit", tmp_path / "model")
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()}
    assert modes == {0o644}


@pytest.mark.parametrize("kind", VLMS)
def test_vlm_answers(kind, tmp_path, images):
    write(kind, tmp_path / "model")
    family, prompt = VLMS[kind]
    side = {"image_size": 32} if family == "qwen2_5_vl" else {}
    source = ModelSource(kind, str(tmp_path / "model"), family, prompt, device="cpu", **side)
    vlm = load_vlm(source)
    answers = vlm.generate(
        vlm.prompt("Describe this image."), vlm.encode_images(images), max_new_tokens=8
    )
    # A random model, but one that looks at its images.
    assert len(set(answers)) > 1


@pytest.mark.parametrize("kind", ["clip", "clip-vision", "vit", "dinov2", "blip", "flava"])
def test_encoder_is_loaded(kind, tmp_path):
    write(kind, tmp_path / "model")
    family = kind.removesuffix("-vision")
    encoder = load_encoder(EncoderSource(kind, str(tmp_path / "model"), family, device="cpu"))
    assert encoder.widths


def test_words_of_both_worlds_have_tokens():
    tokenizer = build_tokenizer((), all_words())
    assert len(set(COCO)) == 80 and set(coco_synonyms()) <= set(COCO)
    for name in (*COCO, "mug", "umbrella"):
        for word in name.split():
            assert tokenizer.encode(word, add_special_tokens=False) != [tokenizer.unk_token_id]
