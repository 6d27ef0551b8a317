"""What Snakemake plans for the probes of khajuria2025 and their items."""

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
