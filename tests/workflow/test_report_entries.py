"""What `snakemake --report` shows: every figure, table and page, with caption, category and label."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from snakemake_calls import ROOT, snakemake

from gallery_fakes import CLAIMS
from sightline.report.papers import item_label
from sightline.report.scorecard import write_scorecard
from sightline.studies.published import STUDIES, load_items, output_files

KEYS = sorted(path.parent.name for path in STUDIES.glob("*/items.csv"))
# Read in a process of its own: loading the workflow changes the environment.
READ = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

root = Path(sys.argv[1])
with SnakemakeApi(OutputSettings(quiet={"all"})) as api:
    loaded = api.workflow(
        ResourceSettings(cores=1),
        config_settings=ConfigSettings(configfiles=[root / "config" / "paper.yaml"]),
        snakefile=root / "Snakefile",
        workdir=Path(sys.argv[2]),
    )._workflow
    print(json.dumps([
        {
            "rule": rule.name, "file": str(file), "pattern": file.regex().pattern, "caption": shown and
            str(shown.caption.get_path_or_uri(secret_free=True)), "category": shown and shown.category,
            "labels": shown and (["item"] if callable(shown.labels) else sorted(shown.labels or ())),
        }
        for rule in loaded.rules for file in rule.output for shown in [file.flags.get("report")]
    ]))
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Outputs of all rules under the published configuration, and what the report says of them."""
    folder = tmp_path_factory.mktemp("rules")
    command = [sys.executable, "-c", READ, ROOT, folder]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_every_entry_has_caption_category_and_label(outputs):
    entries = [one for one in outputs if one["caption"]]
    assert len(entries) > 50
    for one in entries:
        caption = Path(one["caption"])
        assert caption.is_file() and caption.read_text().strip(), one
        assert one["category"] in (*KEYS, "Models", "Scorecard"), one
        assert "item" in one["labels"], one


def test_no_caption_is_left_over(outputs):
    used = {Path(one["caption"]).resolve() for one in outputs if one["caption"]}
    there = set((ROOT / "workflow" / "report").glob("*.rst"))
    assert there - used == {ROOT / "workflow" / "report" / "workflow.rst"}


@pytest.mark.parametrize("study", KEYS)
def test_every_item_that_a_rule_makes_is_an_entry(outputs, study):
    """Of the files of an item one is shown; of a page with one file for each model, those files."""
    shown = 0
    for item in load_items(study).to_dict("records"):
        files = [
            f"results/paper/{study}/{name}" for name in output_files(item["item"], item["outputs"])
        ]
        made = [one for one in outputs for file in files if re.fullmatch(one["pattern"], file)]
        beside = f"results/paper/{study}/{item['item']}/"
        entries = [one for one in outputs if one["caption"] and one["file"].startswith(beside)]
        if made:
            shown += 1
            assert entries or any(one["caption"] for one in made), item["item"]
            assert {one["category"] for one in (*made, *entries) if one["caption"]} == {study}
    assert shown >= 10


def test_scorecard_of_the_report_leads_nowhere_else(tmp_path):
    """The gallery is no part of the report, so a link to it would be dead; one to the page's own search is not."""
    claims = [row for rows in CLAIMS.values() for row in rows]
    write_scorecard(claims, tmp_path / "scorecard")
    whole, alone = (
        (tmp_path / f"{name}.html").read_text() for name in ("scorecard", "scorecard_report")
    )
    targets = re.compile(r'<a [^>]*href="([^"]*)"')
    assert any("site/" in target for target in targets.findall(whole))
    assert targets.findall(alone) == ["#search"] and alone.count("<a ") == 1
    assert all(f">{item_label(row.item)}</span>" in alone for row in claims)


def test_report_of_a_run_is_one_file_with_all_that_it_shows(tiny_run):
    """Captions are filled in from the configuration; the pages and pictures are inside."""
    folder, config = tiny_run
    report = folder / "report.html"
    ran = snakemake(folder, "--configfile", config, "--cores", "1", "--report", report)
    assert ran.returncode == 0, ran.stdout
    page = report.read_text()
    assert "{{" not in "".join(re.findall(r'"caption": "(?:[^"\\]|\\.)*"', page))
    results = folder / "results" / "tiny"
    for name in ("scorecard_report.html", "neo2025/tab1.csv", "kaduri2025/fig2e.png"):
        assert (results / name).is_file()
        assert f'"results/tiny/{name}": {{' in page
    assert '"results/tiny/scorecard.html": {' not in page
