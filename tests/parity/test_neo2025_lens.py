"""The lens part from images to tables on a random model."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from neo2025_lens_fakes import SETTINGS
from sightline.instruments.mean_token import NAME
from sightline.models.vlm import VLM
from sightline.report.lens_page import Tables, lens_page
from sightline.scenes.coco import Coco
from sightline.shards import WHOLE
from sightline.studies.neo2025.lens import image_set, measure, page_tables, readouts, replaced
from sightline.studies.neo2025.lens.effects import read_tables
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.replaced import NumberWords
from sightline.studies.neo2025.lens.replaced_columns import (
    BEFORE,
    NUMBERS_REPLACED,
    OTHERS_REPLACED,
)
from sightline.studies.neo2025.lens.stored import LensReader
from sightline.studies.neo2025.lens.words import Lexicon
from tiny import TOKENS

NAMES = ("cat", "dog", "car")


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, tiny_llava_folder: Path, images: list[Image.Image]
) -> argparse.Namespace:
    """Read-outs and measurements of four images, one of them with its object outside the crop."""
    folder = tmp_path_factory.mktemp("lens")
    data = folder / "coco"
    (data / "annotations").mkdir(parents=True)
    (data / "val2017").mkdir()
    records, annotations = [], []
    for number, image in enumerate(images, 1):
        image.save(data / "val2017" / f"{number}.png")
        records.append(
            {
                "id": number,
                "file_name": f"{number}.png",
                "width": image.width,
                "height": image.height,
            }
        )
        corner = 56 if number == 4 else 12
        outline = [corner, 12, corner + 7, 12, corner + 7, 20, corner, 20]
        annotations.append(
            {
                "id": number, "image_id": number, "category_id": 1 + number % 3, "area": 56,
                "bbox": [corner, 12, 7, 8], "iscrowd": 0, "segmentation": [outline],
                "attributes": {"color": "red"},
            }
        )  # fmt: skip
    categories = [{"id": n, "name": name} for n, name in enumerate(NAMES, 1)]
    content = {"images": records, "annotations": annotations, "categories": categories}
    (data / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    protocol = folder / "lens.json"
    protocol.write_text(json.dumps(SETTINGS | {"images": 4, "scenes": 4}))
    model = folder / "model.json"
    model.write_text(json.dumps({"key": "tiny", "path": str(tiny_llava_folder), "device": "cpu"}))
    options = argparse.Namespace(
        dataset=data, split="val2017", protocol=protocol, model=model, root=folder,
        images=folder / "images.parquet", lens=folder / "trace", about=folder / "about",
        processes=1, batch_size=None, shard=WHOLE,
    )  # fmt: skip
    image_set.main(argparse.Namespace(**vars(options), out=options.images))
    readouts.main(argparse.Namespace(**vars(options), out=options.lens))
    measure.main(argparse.Namespace(**vars(options), out=folder / "m"))
    return options


def test_read_outs_agree_with_the_model(run, tiny_llava: VLM):
    """The lens of the last state at an image token is the model's own guess of the next token."""
    scene = Coco(run.dataset, run.split).scene(1)
    prompt = tiny_llava.prompt(SETTINGS["question"])
    tokens = tiny_llava.encode_images([scene.image()])
    with torch.no_grad():
        logits = tiny_llava.model(
            inputs_embeds=tiny_llava.embed(prompt, tokens),
            attention_mask=prompt.attention_mask[None],
        ).logits[0, prompt.roles.image]
    read_out = LensReader(run.lens).read(1)
    assert read_out.entries.shape == (TOKENS, 5, 2)
    np.testing.assert_array_equal(read_out.best[:, -1], logits.argmax(-1).numpy())
    chances = logits.softmax(-1).amax(-1).numpy()
    np.testing.assert_allclose(read_out.probabilities[:, -1, 0], chances, rtol=2e-3)
    dog = tiny_llava.tokenizer.convert_tokens_to_ids("dog")
    ranks = (logits > logits[:, dog, None]).sum(-1).numpy()
    np.testing.assert_array_equal(read_out.ranks[:, -1, 0], ranks)


def test_processes_change_no_number(run, tmp_path):
    """Two at a time, the stored read-outs and tables are the same bytes."""
    two = vars(run) | {"processes": 2, "out": tmp_path / "trace", "about": tmp_path / "about"}
    readouts.main(argparse.Namespace(**two))
    one, other = LensReader(run.lens), LensReader(tmp_path / "trace")
    for first, second in zip(one, other, strict=True):
        for name, value in vars(first).items():
            np.testing.assert_array_equal(value, getattr(second, name), err_msg=name)
    for name in ("objects", "coverage", "pictures", "selection"):
        file = f"{name}.parquet"
        assert (run.about / file).read_bytes() == (tmp_path / "about" / file).read_bytes()


def test_second_norm_is_the_authors_defect(run, tiny_llava: VLM):
    """With weights that are not all one it changes what the last state says; the others it spares."""
    scene = Coco(run.dataset, run.split).scene(1)
    protocol, texts = LensProtocol.read(run.protocol), readouts.entry_texts(tiny_llava)
    lens = readouts.LensRun(tiny_llava, protocol, readouts.spell(tiny_llava, NAMES, texts), NAMES)
    norm = tiny_llava.adapter.final_norm(tiny_llava.model)
    plain = norm.weight.data.clone()
    generator = torch.Generator().manual_seed(0)
    norm.weight.data = plain * torch.rand(plain.shape, generator=generator) ** 3
    try:
        rows = lens.read(scene, "dog", tiny_llava.grid)
    finally:
        norm.weight.data = plain
    once, twice = rows["entries"][:, -1, 0], rows["normed_twice"][:, 0]
    assert (once != twice).any()


def test_image_tokens_do_not_see_the_question(run, tiny_llava: VLM):
    """They come before it: another question leaves every read-out as it was."""
    scene = Coco(run.dataset, run.split).scene(1)
    protocol, texts = LensProtocol.read(run.protocol), readouts.entry_texts(tiny_llava)
    spellings = readouts.spell(tiny_llava, NAMES, texts)
    first, second = (
        readouts.LensRun(tiny_llava, replace(protocol, question=question), spellings, NAMES).read(
            scene, "dog", tiny_llava.grid
        )
        for question in (protocol.question, "Is there a cat?")
    )
    for name in ("entries", "ranks", "input_entries"):
        assert torch.equal(first[name], second[name]), name


def test_every_family_is_read(run, vlm: VLM):
    """Whatever the tower's grid, there is a row and a coverage for every token."""
    scene = Coco(run.dataset, run.split).scene(1)
    grid = vlm.grid_of(scene.image())
    protocol, texts = LensProtocol.read(run.protocol), readouts.entry_texts(vlm)
    lens = readouts.LensRun(vlm, protocol, readouts.spell(vlm, NAMES, texts), NAMES)
    rows = lens.read(scene, "dog", grid)
    assert rows["entries"].shape == (grid.tokens, 5, 2)
    assert torch.isfinite(rows["log_probabilities"]).all()
    objects, coverage = readouts.place_objects(scene, vlm, grid)
    covered = sum(row["coverage"] for row in coverage) * grid.patch**2
    assert covered == pytest.approx(objects[0]["pixels"])
    assert len(readouts.picture(scene, vlm)) > 100


def test_pixels_of_a_category_are_counted_once(run, tiny_llava: VLM):
    """The same object annotated twice, in a crowd as well, covers what one of them covers."""
    scene = Coco(run.dataset, run.split).scene(1)
    (first,) = scene.instances
    twice = replace(first, id=first.id + 1)
    crowd = replace(first, id=first.id + 2, crowd=True)
    several = replace(scene, instances=(crowd, first, twice))
    objects, coverage = readouts.place_objects(several, tiny_llava, tiny_llava.grid)
    assert [row["new_pixels"] for row in objects] == [row["pixels"] for row in objects[:2]] + [0]
    new = sum(row["new_coverage"] for row in coverage if row["object_id"] != crowd.id)
    assert new * tiny_llava.grid.patch**2 == pytest.approx(objects[0]["pixels"])


def test_object_out_of_sight_is_counted_and_left_out(run):
    selection = pd.read_parquet(run.about / "selection.parquet").set_index("image_id")
    assert selection.loc[4, "reason"] == image_set.OUT_OF_SIGHT
    assert not selection.loc[4, ["main", "wide"]].any()
    states = pd.read_parquet(run.root / "m" / "states.parquet")
    assert set(states["image_id"]) == {1, 2, 3}


def test_tables_are_whole(run):
    tables = read_tables([run.root / "m"])
    assert set(tables) == {"states", "best", "attributes", "numbers", "counts", "maps"}
    assert set(tables["attributes"]["words"]) == {"red"}
    assert tables["counts"]["count"].eq(1).all()
    pictures = pd.read_parquet(run.about / "pictures.parquet")
    assert len(pictures) == 4


def test_replacing_numbers(run, tiny_llava: VLM, monkeypatch):
    """Before, the numbers are those of the read-outs; replaced tokens are marked."""
    lexicon = Lexicon.read(run.about / "words.json")
    protocol = LensProtocol.read(run.protocol)
    late = list(protocol.late_states(5))
    best = LensReader(run.lens).read(1).best[:, late]
    # A random model seldom says a number: let its favourite word be one.
    favourite = np.bincount(best.ravel()).argmax()
    texts = lexicon.texts.copy()
    texts[favourite] = "seven"
    numbers = np.flatnonzero((best == favourite).any(axis=1))
    words = NumberWords(tiny_llava, torch.zeros(tiny_llava.width), Lexicon(texts, (), {}), protocol)
    free = np.setdiff1d(np.arange(TOKENS), numbers)
    rows = words.measure(Coco(run.dataset, run.split).scene(1), numbers, free)
    table = pd.DataFrame(rows, columns=list(replaced.COLUMNS))
    conditions = dict(list(table.groupby("condition")))
    spoken = np.flatnonzero(lexicon.numbers(best).any(axis=1))
    expected = sorted({*numbers.tolist(), *spoken.tolist()})
    assert conditions[BEFORE]["token"].tolist() == expected
    assert not conditions[BEFORE]["replaced"].any()
    for condition, part in conditions.items():
        seen = part[part["token"] >= 0]
        assert (seen["new"] == ~seen["token"].isin(numbers)).all(), condition
    assert set(conditions) == {BEFORE, NUMBERS_REPLACED, OTHERS_REPLACED}


def test_no_number_leaves_an_empty_table(run):
    """Then no model is loaded."""
    nothing = run.root / "numbers.parquet"
    columns = {"image_id": "int64", "late": "bool", "background": "bool", "token": "int64"}
    pd.DataFrame(columns=list(columns)).astype(columns).to_parquet(nothing)
    mean, out = run.root / "mean.safetensors", run.root / "replaced.parquet"
    save_file({NAME: torch.zeros(32)}, mean)
    replaced.main(argparse.Namespace(**vars(run), numbers=nothing, mean=mean, out=out))
    assert pd.read_parquet(out).empty


def test_lens_page_shows_what_was_read(run, tiny_llava: VLM):
    """Words are those stored, attention is the last row of eager attention, the answer position speaks the answer."""
    out = run.root / "page"
    page_tables.main(argparse.Namespace(**vars(run) | {"images": 2, "chosen": [3], "out": out}))
    tables = Tables.read(out)
    texts, reader = Lexicon.read(run.about / "words.json").texts, LensReader(run.lens)
    assert tables.images["image_id"].tolist()[0] == 3 and len(tables.images) == 2
    prompt = tiny_llava.prompt(SETTINGS["question"])
    for image in tables.images["image_id"]:
        own = tables.words[tables.words["image_id"] == image]
        entries = reader.read(image).entries
        assert own["text"].tolist() == texts[entries.reshape(-1)].tolist()
        tokens = tiny_llava.encode_images([Coco(run.dataset, run.split).scene(image).image()])
        tiny_llava.model.set_attn_implementation({"text_config": "eager"})
        try:
            with torch.no_grad():
                found = tiny_llava.model(
                    inputs_embeds=tiny_llava.embed(prompt, tokens),
                    attention_mask=prompt.attention_mask[None],
                    output_attentions=True,
                )
        finally:
            tiny_llava.model.set_attn_implementation({"text_config": "sdpa"})
        weights = torch.stack(found.attentions)[:, 0, :, -1, prompt.roles.image].mean(1)
        looked = tables.attention[tables.attention["image_id"] == image]
        stored = looked.pivot(index="block", columns="token", values="attention").to_numpy()
        np.testing.assert_allclose(stored, weights.numpy(), rtol=1e-4, atol=1e-6)
        last = tables.answer.query(f"image_id == {image} and rank == 0").iloc[-1]
        best = found.logits[0, -1].softmax(-1).max(-1)
        assert last["text"] == texts[int(best.indices)]
        assert last["probability"] == pytest.approx(float(best.values), rel=1e-4)
    thing = tables.objects.query("image_id == 3").iloc[0]
    coverage = pd.read_parquet(run.about / "coverage.parquet").query(
        "image_id == 3 and coverage > 0"
    )
    assert list(thing["tokens"]) == coverage["token"].tolist()
    assert "tiny" in lens_page(tables)
