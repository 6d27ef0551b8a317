"""Every example of docs/extending.md works as it stands: its files are put into a copy of the repository and run."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pandas as pd
import yaml
from snakemake_calls import ROOT, tiny_config

from sightline.config import check_config, load_schema

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILE = re.compile(r"^(At the end of )?`([\w./]+)`:\n\n```(\w+)\n(.*?)^```$", re.M | re.S)
SESSION = ("A model", "A data set", "An intervention")


def parts() -> dict[str, str]:
    """Heading -> text below it."""
    found = re.split(r"^## (.+)\n", PAGE, flags=re.M)
    return dict(zip(found[1::2], found[2::2], strict=True))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def merged(base: dict, more: dict) -> dict:
    """Two configurations laid over each other as Snakemake does."""
    nested = {
        key: merged(base[key], value)
        for key, value in more.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return base | more | nested


def test_every_kind_of_extension_has_its_example():
    assert set(parts()) == {*SESSION, "An analysis", "A figure"}
    assert all(blocks(text, "python") for text in parts().values())


def test_examples_run_in_one_session(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    code = "\n".join(one for name in SESSION for one in blocks(parts()[name], "python"))
    exec(compile(code, "extending.md", "exec"), {"__name__": "extending"})
    said = capsys.readouterr().out
    assert "14 x 14 image tokens" in said and said.count("cup") == 2 and "image in (6, 7)" in said


def test_settings_are_settings_that_the_schema_knows():
    schema = load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
    demo = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    settings = blocks(PAGE, "yaml")
    assert len(settings) == 2
    for text in settings:
        check_config(merged(demo, yaml.safe_load(text)), schema, ["extending.md"])


def test_analysis_and_figure_become_a_target(tmp_path):
    """In a copy of the workflow, with the real command; the numbers drawn are those of the annotations."""
    copy = tmp_path / "copy"
    for name in ("workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", copy)
    (copy / "resources").symlink_to(ROOT / "resources")
    files = FILE.findall(PAGE)
    assert len(files) == 7
    for append, name, _, text in files:
        path = copy / name
        assert path.exists() == bool(append), name
        before = path.read_text() + ("" if path.suffix == ".csv" else "\n\n") if append else ""
        path.write_text(before + text)
    (command,) = blocks(parts()["A figure"], "bash")
    program, *arguments = shlex.split(command)
    assert program == "snakemake"
    config = tiny_config(tmp_path, ROOT / "resources" / "demo" / "llava")
    library = copy / "workflow" / "lib"
    run = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        copy / "Snakefile",
        "--directory",
        tmp_path,
    ]
    ran = subprocess.run(
        [*run, "--configfile", config, *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(library), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    folder = tmp_path / "results" / "tiny" / "neo2025"
    areas = pd.read_parquet(folder / "measurements" / "object_areas.parquet")
    drawn = pd.read_csv(folder / "object_areas.csv")
    assert areas["image"].nunique() == 80 and drawn["n"].sum() == len(areas)
    largest = drawn.iloc[0]
    shares = areas[areas["category"] == largest["category"]]["share"]
    assert abs(largest["median"] - shares.median()) < 1e-6
    assert (folder / "object_areas.png").stat().st_size > 1000
