"""What Snakemake plans for the probes of khajuria2025 and their items."""

import yaml
from snakemake_calls import ROOT, planned_jobs, snakemake


def test_published_run_draws_every_item_that_is_known(tmp_path):
    """Nine heatmaps, one with the MLP; probes once per encoder."""
    ran = snakemake(
        tmp_path, "--dry-run", "--cores", "1", "khajuria2025",
        "--configfile", ROOT / "config" / "paper.yaml",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    items = ["figS1", "fig3", "fig4", "fig6", "fig6_draft", "scatter", "tab1", "v2_fig5"]
    items += ["aux_global", "aux_pertask", "aux_testsizes", "v2_failure", "defects"]
    assert {f"khajuria2025_{item}": 1 for item in items}.items() <= jobs.items()
    assert (jobs["khajuria2025_decoding"], jobs["khajuria2025_similarity"]) == (9, 2)
    assert jobs["decode_pairs"] == jobs["decode_global"] == jobs["extract_features"]
    assert jobs["judge_khajuria2025_claims"] == jobs["summarise_probes"] == 1


def test_demo_run_reads_its_encoders_and_their_controls(tmp_path):
    """Nothing is fetched and nothing trained; every trained encoder has its place beside a published one or none."""
    ran = snakemake(tmp_path, "--dry-run", "--cores", "1", "khajuria2025")
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    study = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())["studies"]["khajuria2025"]
    number = len(study["encoders"])
    assert jobs["decode_pairs"] == jobs["extract_features"] == jobs["write_object_tokens"] == number
    assert jobs["khajuria2025_decoding"] == len(study["stand_ins"])
    items = ["figS1", "fig4", "scatter", "tab1", "v2_failure", "defects", "explorer"]
    assert {f"khajuria2025_{item}": 1 for item in items}.items() <= jobs.items()
    assert not {"fetch_model", "fit_demo_encoder"} & jobs.keys()


def test_gates_of_encoders_stand_beside_those_of_the_language_models(tmp_path):
    wanted = ("results/demo/models/quality.csv", "results/demo/models/encoders_learning_curves.png")
    ran = snakemake(tmp_path, "--dry-run", "--cores", "1", *wanted)
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert jobs["measure_encoder_quality"] == jobs["draw_encoder_curves"] == 1
    assert jobs["measure_vlm_quality"] >= 1
