"""What Snakemake plans for khajuria2025, and one small run of its features."""

from pathlib import Path

import pytest
from snakemake_calls import planned_jobs, snakemake, tiny_config

from khajuria2025_scenes import settings
from tiny_encoders import save_encoder

ENCODERS = {
    "small": {"family": "clip", "objective": "random"},
    "apart": {"of": "small", "attention": "token"},
    "pixels": {"of": "small", "family": "patches", "objective": "none"},
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_encoder("clip-vision", tmp_path_factory.mktemp("encoder")).path


def config(folder: Path, encoder: str, **encoders: dict) -> Path:
    """A configuration with this study alone."""
    study = {key: value for key, value in settings().items() if key != "seed"}
    entries = {name: dict(entry) for name, entry in ENCODERS.items()} | encoders
    entries["small"]["path"] = encoder
    study["encoders"] = list(entries)
    study["defects"] = {"shifts": [1], "wrong_grid": 3}
    world = {"source": "world", "images": {"train2017": 12, "val2017": 8}, "seed": 1}
    return tiny_config(
        folder,
        Path(encoder),
        datasets={"coco": world},
        encoders=entries,
        studies={"khajuria2025": study},
    )


def spec(name: str) -> str:
    return f"results/tiny/khajuria2025/features/{name}/cls/spec.json"


def test_features_are_planned_once_per_encoder(tmp_path, encoder):
    """The probing split is drawn by its tasks, the others by their size."""
    ran = snakemake(
        tmp_path, "--dry-run", "--configfile", config(tmp_path, encoder), "--cores", "1",
        *map(spec, ENCODERS), "khajuria2025_aux_tasks",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert jobs["extract_features"] == jobs["write_encoder_settings"] == 3
    assert jobs["generate_probing"] == jobs["select_pairs"] == 1
    assert jobs["generate_world"] == 2
    assert "fetch_model" not in jobs


def test_an_encoder_of_the_hub_is_fetched_once_for_itself_and_its_controls(tmp_path, encoder):
    hub = {"path": "facebook/dino-vitb16", "revision": "main", "pickled": True, "family": "vit"}
    file = config(tmp_path, encoder, dino=hub, squashed={"of": "dino", "resize": "squash"})
    ran = snakemake(
        tmp_path, "--dry-run", "--printshellcmds", "--configfile", file, "--cores", "1",
        spec("dino"), spec("squashed"),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    assert planned_jobs(ran.stdout)["fetch_model"] == 1
    assert "--revision main --pickled" in ran.stdout


def test_features_of_a_small_world(tmp_path, encoder):
    """Batch size and objective may change without reading an image again; the attention may not."""
    file = config(tmp_path, encoder)
    run = ("--configfile", file, "--cores", "1", spec("small"))
    ran = snakemake(tmp_path, *run, "results/tiny/khajuria2025/aux_tasks.tex")
    assert ran.returncode == 0, ran.stdout
    assert (tmp_path / spec("small")).is_file()
    text = file.read_text()
    file.write_text(text.replace("objective: random", "objective: other\n    batch_size: 2"))
    again = snakemake(tmp_path, "--dry-run", *run)
    assert "extract_features" not in planned_jobs(again.stdout), again.stdout
    file.write_text(text.replace("objective: random", "objective: random\n    weights: random"))
    other = snakemake(tmp_path, "--dry-run", *run)
    assert planned_jobs(other.stdout)["extract_features"] == 1, other.stdout
