"""How the harnesses read what Snakemake said."""

from run_files import CALL, finished, jobs

LINE = "=" * 80
SAID = f"""{CALL}
rule measure:
    output: measured.csv
    jobid: 2

Error in rule measure:
    jobid: 2
    output: measured.csv
Logfile slurm_logs/3.log:
{LINE}
rule measure:
    output: measured.csv
    jobid: 0

Finished jobid: 0 (Rule: measure)
{LINE}
Trying to restart job 2.
rule measure:
    output: measured.csv
    jobid: 2

Finished jobid: 2 (Rule: measure)
rule table:
    output: table.csv
    jobid: 0

"""


def test_the_log_of_a_failed_job_says_nothing_about_the_call_that_shows_it(tmp_path):
    """On a node another Snakemake runs, whose only job is number 0: here that is the table, still being written."""
    for name, text in (("calls.log", SAID), ("measured.csv", "1"), ("table.csv", "")):
        (tmp_path / name).write_text(text)
    assert [number for number, _ in jobs(SAID)] == ["2", "2", "0"]
    assert set(finished(tmp_path)) == {tmp_path / "measured.csv"}
