"""What Snakemake plans for each configuration, without running it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake_calls import ROOT, planned_jobs, snakemake, tiny_config

from sightline.demo.encoders.train import Wanted
from sightline.studies.khajuria2025.probes.encoder_findings import ENOUGH

STUDY_JOBS = {
    "write_neo2025_protocol": 1,
    "write_questions": 1,
    "summarise_ablation": 1,
    "neo2025_mean_tokens": 1,
    "neo2025_tab1": 1,
    "neo2025_tab1_bars": 1,
    "neo2025_extra1": 1,
    "collect_ablation_example": 1,
    "summarise_knockout": 1,
    "neo2025_tab2": 1,
    "neo2025_knockout_curve": 1,
    "judge_neo2025_knockout": 1,
    "summarise_object_size": 1,
    "neo2025_object_size": 1,
    "neo2025_extra4": 1,
    "judge_neo2025_claims": 1,
    "list_neo2025_items": 1,
    "draw_images": 1,
    "judge_kaduri2025_knockout": 1,
    "judge_kaduri2025_attention": 1,
    "judge_kaduri2025_claims": 1,
    "list_kaduri2025_items": 1,
    "score_claims": 1,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a model as long as nobody loads it."""
    folder = tmp_path_factory.mktemp("model")
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_text("{}")
    return folder


def test_published_run_is_planned_with_both_models(tmp_path):
    """Needs neither network nor GPU: everything that would be fetched is a job."""
    ran = snakemake(tmp_path, "--dry-run", "--configfile", ROOT / "config" / "paper.yaml")
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    expected = STUDY_JOBS | {
        # Three VLMs, ten encoders (controls share the checkpoint of another), six segmenting VLMs with the two
        # towers and the SAM that their checkpoints lack.
        "fetch_model": 22,
        "extract_features": 17,
        "caption_images": 2,
        "describe_without_image": 2,
        "kaduri2025_figS1e": 1,
        "read_attention": 2,
        "hide_tokens": 2,
        "kaduri2025_figS2": 1,
        "adopt_mean_token": 2,
        # Beside the authors' vectors, for comparison.
        "compute_mean_token": 2,
        "select_objects": 2,
        "ablate_tokens": 2,
        "block_attention": 2,
        "neo2025_extra2": 1,
        "download_file": 3,
        "read_lens": 2,
        "collect_lens_page": 2,
        "write_lens_page": 2,
        "replace_number_words": 2,
        "download_archive": 3,
        "unpack_images": 2,
        "unpack_annotations": 2,
    }
    assert expected.items() <= jobs.items(), jobs
    assert "generate_world" not in jobs
    assert "results/paper/neo2025/tab1.tex" in ran.stdout
    assert "results/demo" not in ran.stdout


def test_demo_is_the_default(tmp_path):
    """A call without --configfile reads config/demo.yaml."""
    ran = snakemake(tmp_path, "neo2025_tab1", "--dry-run")
    assert ran.returncode == 0, ran.stdout
    assert planned_jobs(ran.stdout)["generate_world"] == 1
    assert "results/demo/neo2025/tab1.csv" in ran.stdout


def test_encoders_with_seeds_are_trained_by_the_run_and_enough_for_correlations(tmp_path):
    """config/encoders.yaml, laid over the demo: what is bundled is used, the others are trained, none twice."""
    ran = snakemake(
        tmp_path, "khajuria2025", "--dry-run", "--configfile", ROOT / "config" / "demo.yaml",
        ROOT / "config" / "encoders.yaml",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    layered = yaml.safe_load((ROOT / "config" / "encoders.yaml").read_text())
    for name, entry in layered["encoders"].items():
        wanted = Wanted.parse(entry["path"].removeprefix("trained:"))
        words = [wanted.objective, *([f"{wanted.rate:g}"] if wanted.rate is not None else [])]
        assert (name, entry["objective"]) == (wanted.name, " ".join(words))
    learned = layered["quality"]["encoders"]
    assert len(set(learned)) == len(learned) >= ENOUGH
    assert jobs["fit_demo_encoder"] == len(layered["encoders"])
    assert jobs["extract_features"] == len(layered["studies"]["khajuria2025"]["encoders"])
    assert "ablate_tokens" not in jobs


def test_configuration_on_the_command_line_replaces_the_default(tmp_path, model):
    """Nothing of the demo shows through: no quality job, another world, another run."""
    ran = snakemake(tmp_path, "--dry-run", "--configfile", tiny_config(tmp_path, model))
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert STUDY_JOBS.items() <= jobs.items(), jobs
    assert jobs["cache_image_tokens"] == jobs["compute_mean_token"] == jobs["generate_world"] == 1
    assert "neo2025_extra2" not in jobs
    assert "measure_quality" not in jobs
    assert "train_demo_models" not in jobs


def test_a_run_names_at_its_start_what_is_not_pinned(tmp_path):
    """In one line."""
    target = "results/quick/settings/wanted_images.json"
    call = (target, "--cores", "1", "--configfile", ROOT / "config" / "quick.yaml")
    ran = snakemake(tmp_path, *call)
    assert ran.returncode == 0, ran.stdout
    (line,) = [one for one in ran.stdout.splitlines() if "fetched without a commit" in one]
    assert "parts.clip-vit-large, datasets.reasonseg.mirrors.val" in line


def test_single_value_can_be_changed(tmp_path, model):
    ran = snakemake(
        tmp_path, "--dry-run", "--configfile", tiny_config(tmp_path, model), "--config", "run=other"
    )
    assert ran.returncode == 0, ran.stdout
    assert "results/other/scorecard.csv" in ran.stdout


@pytest.mark.parametrize(
    "target",
    [
        "neo2025_tab1",
        "neo2025_extra1",
        "neo2025_tab1_bars",
        "neo2025_tab2",
        "neo2025_knockout_curve",
        "neo2025_object_size",
        "kaduri2025_fig2a",
        "kaduri2025_fig2e",
        "kaduri2025_fig2f",
        "kaduri2025_figS3",
        "kaduri2025_windows",
        "kaduri2025_gist",
        "kaduri2025_page1",
        "kaduri2025_tab1",
        "kaduri2025_tabS3",
        "kaduri2025_fig3",
        "kaduri2025_fig8",
        "kaduri2025_page2",
        "kaduri2025_textS1",
        "kaduri2025_fig1",
        "kaduri2025_fig4",
        "kaduri2025_fig5",
        "kaduri2025_fig6",
        "kaduri2025_fig7",
        "kaduri2025_figS4",
        "kaduri2025_figS5",
    ],
)
def test_every_item_is_a_target(tmp_path, model, target):
    config = tiny_config(tmp_path, model)
    ran = snakemake(tmp_path, "--dry-run", "--configfile", config, "--cores", "1", target)
    assert ran.returncode == 0, ran.stdout
    studies = ("neo2025_", "kaduri2025_")
    drawn = {name for name in planned_jobs(ran.stdout) if name.startswith(studies)}
    assert drawn == {target}


def test_without_yes_no_pairs_their_tables_are_left_out(tmp_path, model):
    """MME has to be asked for: its claims then say what they need, and nothing is measured."""
    config = tiny_config(
        tmp_path, model, datasets={"coco": {"source": "world", "images": {"train2017": 9}}}
    )
    ran = snakemake(tmp_path, "--dry-run", "--configfile", config, "--cores", "1", "kaduri2025")
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert jobs["judge_kaduri2025_reprompting"] == jobs["kaduri2025_fig3"] == 1
    asked = {"answer_again", "prune_image_tokens", "generate_mme", "kaduri2025_tab1"}
    assert not (asked | {"kaduri2025_fig8"}) & set(jobs)


@pytest.fixture
def local_questions(tmp_path) -> dict:
    """Data sets with copies of MME and POPE of a user, and COCO fetched."""
    for kind in ("random", "popular", "adversarial"):
        record = {"image": "COCO_val2014_000000016631.jpg", "text": "Is it?", "label": "no"}
        (tmp_path / f"coco_pope_{kind}.json").write_text(json.dumps(record))
    (tmp_path / "eval_tool" / "answers").mkdir(parents=True)
    (tmp_path / "eval_tool" / "answers" / "count.txt").write_text("")
    local = {"source": "local", "path": str(tmp_path)}
    return {"coco": {"source": "download"}, "mme": local, "pope": local}


@pytest.mark.parametrize(
    ("images", "jobs"),
    [
        ("single", {"choose_images": 2, "fetch_images": 2}),
        ("archive", {"unpack_images": 2, "download_archive": 3}),
    ],
)
def test_pictures_of_a_local_pope_come_before_they_are_asked_about(
    tmp_path, model, local_questions, images, jobs
):
    config = tiny_config(
        tmp_path, model, datasets=local_questions, downloads={"images": images}, plan={"check_disk": False}
    )  # fmt: skip
    target = "results/tiny/kaduri2025/measurements/reprompt/demo-llava.parquet"
    call = ("--dry-run", "--configfile", config, "--cores", "1", target)
    ran = snakemake(tmp_path, *call)
    assert ran.returncode == 0, ran.stdout
    assert jobs.items() <= planned_jobs(ran.stdout).items(), ran.stdout
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "COCO_val2014_000000016631.jpg").write_bytes(b"")
    alone = planned_jobs(snakemake(tmp_path, *call).stdout)
    assert "answer_again" in alone and not jobs.keys() & alone.keys()


def test_second_model_adds_only_its_own_measurements(tmp_path, model):
    """Both models share world, protocol and questions."""
    entry = {"path": str(model), "family": "llava", "prompt": "llava-phi-3"}
    config = tiny_config(tmp_path, model)
    more = tmp_path / "more.yaml"
    more.write_text(
        f"models: {{second: {entry}}}\nstudies: {{neo2025: {{models: [demo-llava, second]}}}}\n"
    )
    ran = snakemake(tmp_path, "--dry-run", "--configfile", config, more)
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert (jobs["ablate_tokens"], jobs["write_questions"], jobs["generate_world"]) == (2, 1, 1)
    assert "neo2025_num2" not in jobs


def test_model_of_another_architecture_brings_its_number(tmp_path, model):
    """The lens is compared across architectures, and LLaVA-Phi is none of its own."""
    entry = {"path": str(model), "family": "qwen2_5_vl", "prompt": "qwen2.5-vl"}
    config = tiny_config(tmp_path, model)
    more = tmp_path / "more.yaml"
    more.write_text(
        f"models: {{second: {entry}}}\nstudies: {{neo2025: {{models: [demo-llava, second]}}}}\n"
    )
    ran = snakemake(tmp_path, "--dry-run", "--configfile", config, more)
    assert ran.returncode == 0, ran.stdout
    assert planned_jobs(ran.stdout)["neo2025_num2"] == 1


def test_study_left_out_is_not_run(tmp_path, model):
    config = tiny_config(tmp_path, model, studies={})
    ran = snakemake(tmp_path, "--dry-run", "--configfile", config)
    assert ran.returncode == 0, ran.stdout
    whole_run = ("score_claims", "write_run_settings", "record_run", "write_gallery", "all")
    assert planned_jobs(ran.stdout) == dict.fromkeys(whole_run, 1)


def test_unknown_key_is_named_with_a_valid_value(tmp_path, model):
    config = tiny_config(tmp_path, model, sed=3)
    ran = snakemake(tmp_path, "--dry-run", "--configfile", config)
    assert ran.returncode != 0
    assert "tiny.yaml" in ran.stdout
    assert "sed is not a key; did you mean seed? A valid value: seed: 0" in ran.stdout
    assert "Traceback" not in ran.stdout


def test_model_without_files_is_named(tmp_path):
    config = tiny_config(tmp_path, tmp_path / "nowhere")
    ran = snakemake(tmp_path, "--dry-run", "--configfile", config)
    assert ran.returncode != 0
    assert "nowhere/config.json" in ran.stdout


def test_lint_finds_nothing(tmp_path):
    ran = snakemake(tmp_path, "--lint", "--configfile", ROOT / "config" / "paper.yaml")
    assert ran.returncode == 0, ran.stdout


def test_rules_are_formatted():
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_entry_point_stays_short():
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 60
