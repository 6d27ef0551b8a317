"""The card of a published run: a head that `datasets` reads, and a page that people do."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from sightline.report.publication.contents import MANIFEST, SCORECARD, Table

SPLIT = "measured"
_TAGS = ("interpretability", "vision-language-models", "sightline")


def write_card(
    settings: Mapping[str, Any],
    tables: Sequence[Table],
    traces: Sequence[str],
    sizes: Mapping[str, int],
) -> str:
    """README.md of a data set folder.

    Args:
        settings: of `sightline.report.publication.settings.published_settings`.
        tables: measurements.
        traces: folders of trace sets.
        sizes: file -> bytes.
    """
    run = settings["run"]
    head = {
        "pretty_name": f"Sightline, run {run}",
        # Measurements quote annotations and answers: the terms of data sets and checkpoints go on.
        "license": "other",
        "tags": list(_TAGS),
        "configs": [
            {
                "config_name": table.name,
                "data_files": [{"split": SPLIT, "path": list(table.files)}],
            }
            for table in tables
        ],
    }
    sentence = "one row per image, object and condition, from which every number of the run can be computed."
    lines = [
        f"---\n{yaml.safe_dump(head, sort_keys=False)}---",
        f"# Measurements and caches of run `{run}`",
        f"Studies: {', '.join(settings['studies'])}. Measurements are parquet files, {sentence}",
        _use(tables),
        _table_list(tables, sizes),
        "## Caches",
        "Trace sets: safetensors files, an index with one line per row, and a `spec.json` with settings and "
        "checksums. Read them with `sightline.cache.store.TraceReader(folder)`."
        if traces
        else "None.",
        "\n".join(f"* `{folder}`" for folder in traces),
        "## Models",
        "\n".join(_models(settings)),
        "## To start another run from here",
        "Copy this folder and name it in a configuration with the same settings; what is here is verified, "
        "copied and not measured again:",
        "```yaml\nstart_from:\n  folder: <this folder>\n```",
        f"`{MANIFEST}` holds the sha256 of every file and the settings of the run"
        + (f"; `{SCORECARD}` says which claims held up." if SCORECARD in sizes else "."),
        "## Terms",
        "Images, annotations, questions and checkpoints that these results were made from keep their own terms.",
    ]
    return "\n\n".join(filter(None, lines)) + "\n"


def _use(tables: Sequence[Table]) -> str:
    if not tables:
        return ""
    name = tables[0].name
    return (
        "```python\nfrom datasets import load_dataset\n\n"
        f'rows = load_dataset("<this folder>", "{name}", split="{SPLIT}")\n```'
    )


def _table_list(tables: Sequence[Table], sizes: Mapping[str, int]) -> str:
    rows = [
        f"| `{table.name}` | {len(table.files)} | {sum(sizes[file] for file in table.files):,} |"
        for table in tables
    ]
    return "\n".join(["| configuration | files | bytes |", "|---|--:|--:|", *rows])


def _models(settings: Mapping[str, Any]) -> list[str]:
    lines = []
    for kind in ("models", "encoders"):
        for name, entry in settings.get(kind, {}).items():
            source = entry.get("path") or f"as {entry.get('of')}"
            revision = f" at `{entry['revision']}`" if "revision" in entry else ""
            lines.append(f"* `{name}`: {source}{revision}")
    return lines
