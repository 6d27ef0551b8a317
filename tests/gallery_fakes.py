"""Results of a small run for the gallery: two studies, few items, and texts that try to be HTML."""

from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from sightline.files import write_csv, write_json
from sightline.report.gallery.site import write_gallery
from sightline.report.items import item_status
from sightline.studies.claims import Claim, write_claims
from sightline.studies.published import load_items

EVIL = "<img src=x onerror=\"document.title='owned'\"> & 'quoted'"
STUDIES = ("neo2025", "qian2025")
RECORD: dict[str, Any] = {
    "run": "toy",
    "date": "2026-01-02 03:04 UTC",
    "config_sha256": "c0ffee" * 10 + "c0ff",
    "options": "--configfile my.yaml",
    "commit": {"id": "abc123", "state": "clean"},
    "system": f"Linux {EVIL}",
    "versions": {"sightline": "0.1.0", "numpy": "2.4.6"},
    "checkpoints": {
        "demo-llava": {
            "path": "resources/demo/llava",
            "revision": "",
            "sha256": {"model.safetensors": "ab" * 32},
            "studies": list(STUDIES),
        },
        "sam": {"path": "hub/sam", "revision": "87ae", "sha256": {}, "studies": ["qian2025"]},
    },
    "data": {
        "coco": {"source": "world", "files": 3, "sha256": "cd" * 32, "studies": ["neo2025"]},
    },
}
EXPLORER = """<!doctype html><html lang="en"><title>t</title><main>
<a href="extra4/toy.html">toy</a> <a href="../neo2025/extra4/toy.html#image=1">again</a>
<a href="https://example.org/x.html">out</a> <a href="../../outside.html">outside</a></main></html>"""


def claim(study: str, number: str, verdict: str, **changes: Any) -> Claim:
    """A row of the scorecard that was run."""
    values = {
        "study": study,
        "claim": number,
        "statement": f"Statement {number} of {study}",
        "item": "tab1",
        "metric": "loss (%)",
        "published": 71.79,
        "published_source": "the paper",
        "reproduced": 68.2512,
        "ci_low": 60.1,
        "ci_high": 75.5,
        "n": 120,
        "model": "demo-llava",
        "dataset": "world",
        "variant": "corrected",
        "criterion": "at least 50",
        "verdict": verdict,
    }
    return Claim(**(values | changes))


CLAIMS = {
    "neo2025": [
        claim("neo2025", "C1", "replicated", statement=f"Objects {EVIL} live here"),
        claim("neo2025", "C1", "replicated", metric="control, F1", published=None),
        claim("neo2025", "C2", "not replicated", item="fig3", metric=f"share {EVIL}"),
        claim("neo2025", "C2", "replicated", item="fig3", model="second"),
    ],
    "qian2025": [
        claim("qian2025", "C1", "inconclusive", item="fig1", published=None),
        claim("qian2025", "C4", "not replicated"),
    ],
}


def picture(path: Path, size: tuple[int, int], shade: int) -> None:
    """A picture in one grey."""
    Image.new("RGB", size, (shade, shade, shade)).save(path)


def write_results(run: Path) -> None:
    """What jobs would have left in the folder of a run."""
    for number, study in enumerate(STUDIES):
        folder = run / study
        folder.mkdir(parents=True)
        table = pd.DataFrame({"word": ["plain", EVIL], "share": [0.25, 1.5]})
        for name in ("fig1", "fig3"):
            picture(folder / f"{name}.png", (400, 120 + 200 * number), 90 + 40 * number)
            (folder / f"{name}.pdf").write_bytes(b"%PDF-1.4")
            write_csv(table.assign(item=name), folder / f"{name}.csv")
        write_csv(table, folder / "tab1.csv")
        (folder / "tab1.tex").write_text("\\begin{table}")
        (folder / "tab1.md").write_text(
            f"Caption {EVIL}\n\n| word | share |\n| :-- | --: |\n| a \\| b | 0.25 |\n| {EVIL} | 1.50 |\n"
        )
        write_claims(CLAIMS[study], folder / "claims.csv")
    neo = run / "neo2025"
    (neo / "extra4").mkdir()
    (neo / "extra4.html").write_text(EXPLORER)
    (neo / "extra4" / "toy.html").write_text('<a href="../extra4.html">back</a>')
    (run.parent / "outside.html").write_text("not of this run")
    for study in STUDIES:
        write_csv(item_status(study, load_items(study), run / study), run / study / "items.csv")


def build(folder: Path, record: dict[str, Any] | None = None) -> Path:
    """A run with its gallery below a folder; the page."""
    run = folder / "results" / "toy"
    write_results(run)
    write_json(record or RECORD, run / "run.json")
    out = run / "site" / "index.html"
    write_gallery(run, STUDIES, record or RECORD, out)
    return out
