"""What would be run for the study of [SEG], in the demo and in the published setting."""

from snakemake_calls import ROOT, planned_jobs, snakemake


def test_the_study_is_planned_alone(tmp_path):
    ran = snakemake(tmp_path, "--dry-run", "--cores", "1", "qian2025")
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    # Once for each of the demo's two models.
    wanted = {
        "judge_qian2025_claims": 1,
        "list_qian2025_items": 1,
        "read_similarity_maps": 2,
        "measure_masks": 2,
        "measure_expressions": 2,
        "compare_nouns": 2,
        "qian2025_table": 8,
    }
    assert wanted.items() <= jobs.items()
    assert not [name for name in jobs if "neo2025" in name or "kaduri2025" in name]


def test_queries_and_expressions_of_the_world_are_drawn(tmp_path):
    wanted = [f"results/demo/data/reasonseg/{split}.csv" for split in ("val", "test")]
    refs = "results/demo/data/refer/fprefcoco/refs(unc).p"
    ran = snakemake(tmp_path, "--dry-run", "--cores", "1", *wanted, refs)
    assert ran.returncode == 0, ran.stdout
    assert planned_jobs(ran.stdout) == {"generate_reasonseg": 2, "generate_refer": 1}


def test_a_checkpoint_of_another_layout_is_fetched_and_converted(tmp_path):
    """With its tower, and pickles where only pickles are published."""
    wanted = ["results/converted/read-7b-test/conversion.json", "results/data/reasonseg/test.csv"]
    paper = ROOT / "config" / "paper.yaml"
    ran = snakemake(tmp_path, "--dry-run", "-p", "--cores", "1", *wanted, "--configfile", paper)
    assert ran.returncode == 0, ran.stdout
    jobs = {"fetch_model": 2, "convert_checkpoint": 1, "fetch_reasonseg_mirror": 1}
    assert planned_jobs(ran.stdout) == jobs
    assert ran.stdout.count("--pickled") == 2


def test_where_lengths_are_guessed_the_judgement_is_told(tmp_path):
    """The hub's copy of ReasonSeg does not mark long queries; the demo's world does."""
    paper = ROOT / "config" / "paper.yaml"
    wanted = "results/paper/qian2025/claims/read-7b-test.csv"
    ran = snakemake(tmp_path, "--dry-run", "-p", "--cores", "1", wanted, "--configfile", paper)
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.count(" --lengths-assumed ") == 1
    wanted = "results/demo/qian2025/claims/demo-llava.csv"
    ran = snakemake(tmp_path, "--dry-run", "-p", "--cores", "1", wanted)
    assert ran.returncode == 0, ran.stdout
    assert "sightline.studies.qian2025.judging" in ran.stdout
    assert "--lengths-assumed" not in ran.stdout


def test_variants_are_trained_by_a_rule_of_their_own(tmp_path):
    """Nine variants with three seeds each; no other target asks for them."""
    ran = snakemake(tmp_path, "--dry-run", "--cores", "1", "train_qian2025_variants")
    assert ran.returncode == 0, ran.stdout
    jobs = planned_jobs(ran.stdout)
    assert jobs == {"train_segmenter_variant": 27, "train_qian2025_variants": 1}
