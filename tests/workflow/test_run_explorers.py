"""The explorers of khajuria2025 from two small random encoders, and settings that measure nothing again."""

import json

import yaml
from snakemake_calls import planned_jobs, snakemake, tiny_config

from carried import carried
from khajuria2025_scenes import settings
from tiny_encoders import save_encoder


def test_object_tokens_of_a_small_world(tmp_path):
    """Pages link to each other; more images are read again, nothing else is."""
    encoder = save_encoder("clip-vision", tmp_path / "encoder").path
    study = {key: value for key, value in settings().items() if key != "seed"}
    study |= {"encoders": ["small", "apart"], "page": {"images": 2}}
    entries = {
        "small": {"family": "clip", "objective": "random", "path": encoder},
        "apart": {"of": "small", "attention": "token"},
    }
    world = {"source": "world", "images": {"train2017": 12, "val2017": 8}, "seed": 1}
    file = tiny_config(
        tmp_path,
        tmp_path,
        datasets={"coco": world},
        encoders=entries,
        studies={"khajuria2025": study},
    )
    run = ("--configfile", file, "--cores", "1", "khajuria2025_explorer")
    ran = snakemake(tmp_path, *run)
    assert ran.returncode == 0, ran.stdout
    folder = tmp_path / "results" / "tiny" / "khajuria2025"
    text = (folder / "explorer" / "apart.html").read_text()
    assert len(carried(text)[0]["images"]) == 2
    assert 'href="small.html"' in text and 'href="apart.html" aria-current=page' in text
    assert 'href="explorer/apart.html"' in (folder / "explorer.html").read_text()
    file.write_text(file.read_text().replace("images: 2", "images: 4"))
    again = planned_jobs(snakemake(tmp_path, "--dry-run", *run).stdout)
    assert again.pop("collect_object_tokens") == again.pop("write_object_tokens") == 2
    assert set(again) == {"khajuria2025_explorer"}


def test_size_of_a_page_is_no_setting_of_measurements(tmp_path):
    """Attention is measured on 80 images, however many of them a page shows."""
    file = tiny_config(tmp_path, tmp_path / "model")
    wanted = "results/tiny/settings/kaduri2025.json"
    texts = []
    for images in (None, 3):
        config = yaml.safe_load(file.read_text())
        if images:
            config["studies"]["kaduri2025"]["page"] = {"images": images}
        file.write_text(yaml.safe_dump(config))
        ran = snakemake(tmp_path, wanted, "--cores", "1", "--configfile", file)
        assert ran.returncode == 0, ran.stdout
        texts.append((tmp_path / wanted).read_text())
        (tmp_path / wanted).unlink()
    assert texts[0] == texts[1] and "page" not in json.loads(texts[0])
