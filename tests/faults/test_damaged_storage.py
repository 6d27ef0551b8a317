"""Disks that are full, closed or forget a bit: an error that names the file, or the right values, never others."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from snakemake_calls import ROOT, snakemake, tiny_config

from sightline.cache.store import DamagedTraceError, TraceReader, TraceWriter
from sightline.errors import SightlineError
from sightline.models.checksums import check_weights, write_checksums
from sightline.models.entry import ModelError
from sightline.models.loading import load_vlm

TENSORS = {"tokens": torch.arange(24.0).reshape(6, 4), "norm": torch.arange(6).half()}
LIMIT = 40_000
"""Bytes that a file may have in the tests of a full disk."""


def write(folder: Path) -> None:
    """A trace set of three shards."""
    with TraceWriter(folder, {"model": "x", "dtype": "float32"}, max_shard_bytes=36) as writer:
        writer.add(pd.DataFrame({"image_id": range(6)}), TENSORS)


def is_right(folder: Path, verify: bool = True) -> bool:
    """Whether every value is the one that was written; refusals pass through."""
    reader = TraceReader(folder, verify=verify)
    whole = all(torch.equal(reader.read(name), TENSORS[name]) for name in TENSORS)
    return whole and reader.names == ("norm", "tokens") and len(reader) == 6


def damage(folder: Path, flips: np.ndarray | None) -> Counter[str]:
    """Flip bits of each file of a trace set, every one or those at some places; cut each file short."""
    write(folder)
    outcomes: Counter[str] = Counter()
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        places = range(8 * len(content)) if flips is None else flips % (8 * len(content))
        changes = [flipped(content, int(place)) for place in places]
        lengths = range(len(content)) if flips is None else flips % len(content)
        for changed in [*changes, *(content[:length] for length in lengths)]:
            path.write_bytes(changed)
            try:
                assert is_right(folder), f"{path.name}: other values without an error"
                outcomes["harmless"] += 1
            except SightlineError as error:
                assert str(folder) in str(error)
                outcomes["refused"] += 1
        path.write_bytes(content)
    assert is_right(folder)
    return outcomes


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def test_no_flipped_bit_of_a_cache_goes_unseen(tmp_path, tell):
    flips = np.random.default_rng(0).integers(0, 2**40, 60)
    outcomes = damage(tmp_path / "set", flips)
    tell(f"cache: {outcomes.total()} flips and cuts tried, {dict(outcomes)}; wrong values: none.")
    assert outcomes["refused"] > outcomes["harmless"]


@pytest.mark.faults
def test_every_bit_and_every_cut_of_a_cache(tmp_path, tell):
    outcomes = damage(tmp_path / "set", None)
    tell(f"cache: {outcomes.total()} flips and cuts tried, {dict(outcomes)}; wrong values: none.")
    assert outcomes["refused"] > outcomes["harmless"]


def test_a_spec_that_promises_other_tensors_is_refused(tmp_path):
    """Assignment would repeat one column four times."""
    write(tmp_path)
    spec = json.loads((tmp_path / "spec.json").read_text())
    for entry in ({"shape": [4, 4]}, {"shape": [1, 4]}, {"dtype": "float64"}):
        changed = spec | {
            "tensors": spec["tensors"] | {"tokens": spec["tensors"]["tokens"] | entry}
        }
        (tmp_path / "spec.json").write_text(json.dumps(changed))
        with pytest.raises(DamagedTraceError, match="promises another tensor tokens"):
            TraceReader(tmp_path).read("tokens")  # fmt: skip


def test_a_job_without_a_snakemake_leaves_the_set_of_its_successor_alone(tmp_path):
    """Killed alone, Snakemake leaves its job behind; the next call starts the same one beside it."""
    orphan = TraceWriter(tmp_path, {}, max_shard_bytes=36)
    orphan.add(pd.DataFrame({"image_id": range(6)}), TENSORS)
    write(tmp_path)
    with pytest.raises(SightlineError, match="another job has begun to write this trace set"):
        orphan.close()
    assert is_right(tmp_path)


TRACING = """
import argparse
from pathlib import Path
import pandas as pd
import torch
from sightline import cli
from sightline.cache.store import TraceWriter

def main(options):
    large = {"tokens": torch.zeros(6, 40_000), "norm": torch.zeros(6).half()}
    with TraceWriter(options.out, {}) as writer:
        writer.add(pd.DataFrame({"image_id": range(6)}), large)

parser = argparse.ArgumentParser()
parser.add_argument("out", type=Path)
cli.run(main, parser)
"""


def run_limited(
    program: str, out: Path, limit: int | None = None
) -> subprocess.CompletedProcess[str]:
    """A program that writes, in a process of its own.

    No file of that process may grow beyond the limit, which looks to it like a disk that is full. (Set on this process,
    the limit would hold for the log that pytest itself is writing.)
    """

    def shrink() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-c", program, str(out)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "lib")},
        preexec_fn=shrink if limit else None,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_trace_set_that_does_not_fit_leaves_the_old_one(tmp_path):
    write(tmp_path)
    ran = run_limited(TRACING, tmp_path, LIMIT)
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert "shard-0000.safetensors: cannot be written" in ran.stderr
    assert is_right(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


WRITING = """
import argparse, sys
from pathlib import Path
import numpy as np
import pandas as pd
from sightline import cli
from sightline.files import write_csv, write_json, write_parquet

FRAME = pd.DataFrame({"x": np.random.default_rng(0).random(20_000)})

def main(options):
    for name in ("json", "csv", "parquet"):
        try:
            if name == "json":
                write_json(list(FRAME["x"]), options.out / "x.json")
            if name == "csv":
                write_csv(FRAME, options.out / "x.csv")
            if name == "parquet":
                write_parquet(FRAME, options.out / "x.parquet")
        except OSError as error:
            print(name, "refused", file=sys.stderr)
            last = error
    raise last

parser = argparse.ArgumentParser()
parser.add_argument("out", type=Path)
cli.run(main, parser)
"""


def check_refusal(ran: subprocess.CompletedProcess[str], out: Path) -> None:
    """Three refusals, one message, no traceback, and nothing left behind."""
    assert ran.returncode == 1
    assert all(f"{name} refused" in ran.stderr for name in ("json", "csv", "parquet"))
    assert "Traceback" not in ran.stderr
    last = ran.stderr.splitlines()[-1]
    assert last.startswith(f"error: {out}") and "run again" in last
    assert list(out.iterdir()) == []


def test_a_full_disk_is_named_and_leaves_no_half_files(tmp_path):
    check_refusal(run_limited(WRITING, tmp_path, LIMIT), tmp_path)


@pytest.mark.parametrize("options", ["size=64k", "ro"])
def test_a_small_and_a_closed_file_system_are_named(tmp_path, options, tell):
    """The real thing, where mounting is allowed."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a file system here ({mounted.stderr.strip()})")
    try:
        ran = run_limited(WRITING, tmp_path)
        check_refusal(ran, tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    tell(f"file system of {options}: {ran.stderr.splitlines()[-1]}")


def test_a_folder_that_may_not_be_written_is_named(tmp_path):
    """A file stands where the folder should be: no permission helps, not even of an administrator."""
    (tmp_path / "results").write_text("")
    ran = run_limited(WRITING, tmp_path / "results")
    assert ran.returncode == 1 and "results" in ran.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["model.safetensors", "SHA256SUMS"])
def test_a_flipped_bit_of_bundled_weights_is_found_before_they_are_used(tmp_path, name):
    save_file({"x": torch.zeros(100)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    write_checksums(tmp_path)
    check_weights(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(flipped(content, 8 * 20))
    with pytest.raises(ModelError, match=r"not the weights that .*SHA256SUMS lists"):
        load_vlm(tmp_path)


def test_weights_cut_short_are_named(tmp_path, tiny_llava_folder):
    folder = shutil.copytree(tiny_llava_folder, tmp_path / "cut")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"cut cannot be loaded\. Fetch the folder again"):
        load_vlm(folder)


def test_bundled_weights_are_those_listed_beside_them():
    """After training anew: python -m sightline.models.checksums resources/demo/*/ (folders with weights)."""
    folders = {path.parent for path in (ROOT / "resources").rglob("*.safetensors")}
    assert folders
    for folder in sorted(folders):
        assert (folder / "SHA256SUMS").is_file(), folder
        check_weights(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("studies: {neo2025: {bufers: [1]}}\n", "did you mean buffers?"),
        ("models: {demo-llava: {path: 'https://me:word@example.org/x'}}\n", "name or password"),
        ("1: x\n", "key 1 is no name"),
    ],
)
def test_a_wrong_configuration_is_refused_by_the_real_command(tmp_path, text, message):
    """Laid over a right one; the message is there, and the password is not."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text)
    right = tiny_config(tmp_path, ROOT / "resources" / "demo" / "llava")
    ran = snakemake(tmp_path, "--dry-run", "--configfile", right, wrong)
    assert ran.returncode != 0
    assert "wrong.yaml" in ran.stdout and message in ran.stdout
    assert "word@" not in ran.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [("run: [", "not valid JSON or YAML"), ("- just\n- a list\n", "with keys at top level")],
)
def test_what_is_no_configuration_at_all_is_refused_by_snakemake(tmp_path, text, message):
    """Before this workflow sees it; the message is Snakemake's, and is not a traceback."""
    (tmp_path / "wrong.yaml").write_text(text)
    ran = snakemake(tmp_path, "--dry-run", "--configfile", "wrong.yaml")
    assert ran.returncode != 0
    assert message in ran.stdout and "Traceback" not in ran.stdout
