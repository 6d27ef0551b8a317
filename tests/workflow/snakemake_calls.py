"""Calling the real command on this workflow from a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TINY = {
    "run": "tiny",
    "device": "cpu",
    "datasets": {
        "coco": {"source": "world", "images": {"train2017": 80}, "seed": 1},
        "mme": {"source": "world", "images": 1},
        "pope": {"source": "world", "images": 2},
    },
    "studies": {
        "neo2025": {
            "reference": {"source": "images", "split": "train2017", "images": 8},
            "ablation_set": {
                "split": "train2017",
                "max_annotations": 9,
                "area": [60, 600],
                "accepted": 3,
            },
            "vqa_set": {"source": "templates", "questions": 3},
            "prompts": {
                "generative": "Describe this image.",
                "polling": "Is there a {category} in this image?",
                "vqa_prefix": "It is a",
            },
            "max_new_tokens": {"generative": 40, "polling": 3},
            "subset_sizes": [5, 40],
            "buffers": [0, 1, 2],
            "register_deviations": 2.0,
            "random_draws": 1,
            "integration_steps": 2,
            "bootstrap": 100,
            "lens": {
                "split": "train2017",
                "max_annotations": 9,
                "area": [100, 1600],
                "images": 5,
                "scenes": 4,
                "question": "Describe the image.",
                "top": 2,
                "confident": 0.1,
                "map_depth": 0.72,
            },
            "models": ["demo-llava"],
        },
        "kaduri2025": {
            "models": ["demo-llava"],
            "images": {"split": "train2017", "count": 4},
            "question": "Describe this image.",
            "second_question": "What do you see?",
            "max_new_tokens": 20,
            "middle": {"first": 0.25, "last": 0.5},
            "knockout": {"points": 8, "window_step": 4},
            "top_shares": [5, 50],
            "random_draws": 2,
            "bootstrap": 100,
            "judge": {"kind": "vocabulary"},
            "mme": {
                "shares": [5, 2],
                "reader": "{description} {question}",
                "answer_tokens": 2,
                "gate": 0.85,
                "pruning": {"after": 2, "shares": [50], "images": 1},
            },
        },
    },
    "seed": 0,
}


def tiny_config(folder: Path, model: Path, **changes: Any) -> Path:
    """Write a configuration of a few images and return its path."""
    entry = {"path": str(model), "family": "llava", "prompt": "llava-1.5", "batch_size": 16}
    config = TINY | {"models": {"demo-llava": entry}} | changes
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def part_config(folder: Path, **changes: Any) -> Path:
    """Write a configuration of one study and one random model, which needs no file that is not here."""
    mini = yaml.safe_load((ROOT / "config" / "mini.yaml").read_text())
    model, study = "mini-llava-phi", mini["studies"]["kaduri2025"]
    config = {
        "run": "part",
        "seed": 0,
        "device": "cpu",
        "datasets": {"coco": {"source": "world", "images": {"val2017": 40}}},
        "models": {model: mini["models"][model]},
        "studies": {
            "kaduri2025": {key: value for key, value in study.items() if key != "mme"}
            | {"models": [model], "images": {"split": "val2017", "count": 6}}
        },
    } | changes
    path = folder / f"{config['run']}.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def snakemake(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder; stderr is part of stdout."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
    return subprocess.run(
        [*command, "--directory", folder, *arguments],
        cwd=folder,
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def planned_jobs(output: str) -> dict[str, int]:
    """Rule -> number of jobs, from Snakemake's table of what it is about to do."""
    jobs = {}
    _, _, table = output.partition("Job stats:")
    for line in table.splitlines()[3:]:
        words = line.split()
        if len(words) != 2 or words[0] == "total":
            break
        jobs[words[0]] = int(words[1])
    return jobs
