"""Trace sets behind an address: whole or not trusted, checked, and refusals that say what to do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import torch
from test_cache import SPEC, contents, material, write

from s3_server import serve_s3
from sightline.cache import keeping
from sightline.cache.keeping import kept_at
from sightline.cache.store import (
    DamagedTraceError,
    PlaceError,
    TraceError,
    TraceReader,
    TraceWriter,
    UnfinishedTraceError,
)
from sightline.files import sha256
from sightline.instruments.capture import TRACE
from sightline.instruments.mean_token import average, save_mean_token
from sightline.report.publication.publish import publish

STORE = fsspec.filesystem("memory")
SHARDS = [f"shard-{number:04d}.safetensors" for number in range(3)]
FILES = ["index.parquet", *SHARDS, "spec.json"]


@pytest.fixture
def address() -> Iterator[str]:
    """An empty part of a store."""
    yield "memory://bucket/lens"
    STORE.store.clear()


def change(name: str, content: bytes) -> None:
    STORE.pipe_file(f"/bucket/lens/{name}", content)


def stored() -> dict[str, bytes]:
    """Name -> content of what lies there."""
    found = STORE.find("/bucket/lens", maxdepth=1)
    return {path.rpartition("/")[2]: STORE.cat_file(path) for path in found}


def check(reader: TraceReader) -> None:
    """All of `material`, in any order."""
    _, tensors = material(10)
    asked = [9, 0, 5, 0]
    assert torch.equal(reader.rows("tokens", asked), tensors["tokens"][asked])
    assert torch.equal(torch.cat([part["norm"] for _, part in reader.shards()]), tensors["norm"])


def test_the_bytes_are_those_of_a_folder(address, tmp_path):
    write(address)
    write(tmp_path)
    assert stored() == contents(tmp_path)
    check(TraceReader(address, expect=SPEC))
    write(f"file://{tmp_path}/again")
    assert contents(tmp_path / "again") == stored()


def test_nothing_stays_on_this_disk(address, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    write(address)
    assert not list(tmp_path.iterdir())
    reader = TraceReader(address)
    check(reader)
    del reader
    assert not list(tmp_path.iterdir())


def half_a_writer(address: str) -> TraceWriter:
    """One that has put two shards into the store, as a killed one leaves them."""
    rows, tensors = material(9)
    writer = TraceWriter(address, SPEC, max_shard_bytes=4 * 16)
    writer.add(rows, tensors)
    return writer


def test_what_a_killed_writer_leaves_is_not_trusted_and_the_next_cleans_up(address, tmp_path):
    write(address)
    half_a_writer(address)
    assert sorted(stored()) == SHARDS[:2]
    with pytest.raises(UnfinishedTraceError, match=r"lens/spec\.json is missing"):
        TraceReader(address)
    write(address, count=3)
    write(tmp_path, count=3)
    assert stored() == contents(tmp_path)


def test_a_finished_one_stays_until_the_first_shard_and_an_exception_removes_what_was_written(
    address,
):
    write(address)
    with pytest.raises(ZeroDivisionError), TraceWriter(address, SPEC):
        raise ZeroDivisionError
    check(TraceReader(address))
    with pytest.raises(ZeroDivisionError), half_a_writer(address):
        raise ZeroDivisionError
    assert not stored()


def test_other_objects_are_left_alone(address):
    change("notes.txt", b"mine")
    change("inner/spec.json", b"{}")
    write(address)
    assert sorted(stored()) == sorted([*FILES, "notes.txt"])
    assert STORE.cat_file("/bucket/lens/inner/spec.json") == b"{}"
    assert len(TraceReader(address)) == 10


def test_a_store_that_fails_before_the_marker_leaves_nothing_to_trust(address, monkeypatch):
    def refuse(*arguments: object, **options: object) -> None:
        raise TimeoutError("no answer from key AKIA0123456789")

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA0123456789")
    monkeypatch.setattr(type(STORE), "pipe_file", refuse)
    with pytest.raises(PlaceError, match=r"lens: the store cannot be used \(TimeoutError: no") as e:
        write(address)
    assert "AKIA" not in str(e.value)
    assert not stored()


def test_a_job_that_another_has_overtaken_does_not_finish(address):
    late = half_a_writer(address)
    write(address, count=3)
    with pytest.raises(TraceError, match="another job has begun"):
        late.close()


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        (SHARDS[1], lambda old: old[:-20] + b"\xff" + old[-19:], "checksum differs"),
        (SHARDS[1], lambda old: old[:-3], "bytes instead of"),
        ("index.parquet", lambda old: old[:-3], "checksum differs"),
        ("spec.json", lambda old: old[:-30], "cannot be read"),
    ],
)
def test_a_changed_object_is_caught_and_named(address, name, how, message):
    write(address)
    change(name, how(stored()[name]))
    with pytest.raises(DamagedTraceError, match=message) as caught:
        TraceReader(address).rows("tokens", [9, 5])
    assert str(caught.value).startswith(f"{address}/{name} ")
    assert f"Delete {address} and run snakemake again" in str(caught.value)


@pytest.mark.parametrize("name", [SHARDS[1], "index.parquet"])
def test_a_missing_object_is_named(address, name):
    write(address)
    STORE.rm_file(f"/bucket/lens/{name}")
    with pytest.raises(DamagedTraceError, match=f"{name} is missing"):
        TraceReader(address)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://me:secret@bucket/x", "with a password or a query is not taken"),
        ("memory://bucket/x?token=secret", "with a password or a query is not taken"),
        ("simplecache::memory://bucket/x", "chained addresses are not taken"),
        ("nowhere://bucket/x", r"cannot be used \(ValueError: Protocol not known"),
        ("gs://bucket/x", "is not installed"),
    ],
)  # fmt: skip
def test_addresses_that_lead_nowhere_or_tell_too_much(address, message):
    with pytest.raises(PlaceError, match=message) as caught:
        TraceReader(address)
    assert "secret" not in str(caught.value)


# What follows is about runs that keep their traces elsewhere.


@pytest.fixture
def working(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_where_a_folder_is_kept(working, monkeypatch):
    folder = "results/demo/cache/m/lens"
    assert kept_at(folder) is None
    monkeypatch.setenv(keeping.VARIABLE, "s3://bucket/mine/")
    assert kept_at(folder) == kept_at(working / folder) == "s3://bucket/mine/demo/cache/m/lens"
    assert kept_at("/elsewhere/lens") is None
    monkeypatch.setenv(keeping.VARIABLE, "scratch")
    assert kept_at(folder) == f"{working}/scratch/demo/cache/m/lens"


def keep(folder: Path, place: str, count: int = 10) -> None:
    rows, tensors = material(count)
    with TraceWriter(folder, SPEC, max_shard_bytes=4 * 16, keep=place) as writer:
        writer.add(rows, tensors)


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_folder_says_where_the_rest_is(address, tmp_path, on_disk):
    place = str(tmp_path / "scratch") if on_disk else address
    folder = tmp_path / "results"
    write(folder)
    keep(folder, place)
    assert sorted(path.name for path in folder.iterdir()) == ["index.parquet", "spec.json"]
    assert json.loads((folder / "spec.json").read_text())["kept"] == place
    check(TraceReader(folder, expect=SPEC))
    write(tmp_path / "plain")
    kept = contents(Path(place)) if on_disk else stored()
    assert kept == contents(tmp_path / "plain")


def test_a_kept_trace_set_that_is_gone_or_changed_is_refused(address, tmp_path):
    keep(tmp_path, address)
    change(SHARDS[1], stored()[SHARDS[2]])
    with pytest.raises(DamagedTraceError, match=f"{address}/{SHARDS[1]} has .* bytes") as caught:
        TraceReader(tmp_path)
    assert f"Delete {tmp_path} and run snakemake again" in str(caught.value)
    STORE.store.clear()
    with pytest.raises(TraceError, match=SHARDS[0]):
        TraceReader(tmp_path)


def test_a_copy_that_broke_off_is_not_taken_for_the_file(address, monkeypatch):
    write(address)
    reader = TraceReader(address)

    def break_off(store, source, target, **options: object) -> None:
        Path(target).write_bytes(store.cat_file(source)[:-40])
        raise TimeoutError("no more bytes")

    with monkeypatch.context() as broken:
        broken.setattr(type(STORE), "get_file", break_off)
        with pytest.raises(PlaceError, match="no more bytes"):
            reader.rows("tokens", [0])
    check(reader)


def test_publishing_fetches_what_is_kept_elsewhere(address, tmp_path):
    run = tmp_path / "results" / "mine"
    keep(run / "cache" / "one" / "lens", address)
    config = {"run": "mine", "seed": 0, "models": {"one": {"path": "org/one"}}, "studies": {}}
    publish(run, config, tmp_path / "published")
    published = tmp_path / "published" / "cache" / "one" / "lens"
    assert contents(published) == stored()
    check(TraceReader(published))


# A server on this machine that speaks like S3.


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with serve_s3() as address:
        yield f"{address}/mine"


def test_s3_takes_and_gives_what_a_folder_would(bucket, tmp_path):
    write(f"{bucket}/plain")
    write(tmp_path)
    check(TraceReader(f"{bucket}/plain", expect=SPEC))
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    found = {path.rpartition("/")[2]: path for path in store.find("traces/mine/plain")}
    assert {name: store.cat_file(path) for name, path in found.items()} == contents(tmp_path)
    store.rm_file(f"traces/mine/plain/{SHARDS[2]}")
    with pytest.raises(DamagedTraceError, match=f"plain/{SHARDS[2]} is missing"):
        TraceReader(f"{bucket}/plain")
    half_a_writer(f"{bucket}/plain")
    with pytest.raises(UnfinishedTraceError):
        TraceReader(f"{bucket}/plain")


def test_a_bucket_that_is_not_there_and_one_that_refuses(bucket, monkeypatch):
    with pytest.raises(PlaceError, match="no such bucket or object"):
        write("s3://absent/x")
    with pytest.raises(PlaceError, match="no such bucket or object"):
        TraceReader("s3://absent/x")

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError("Access Denied for testing-secret")

    monkeypatch.setattr("s3fs.S3FileSystem.find", refuse)
    with pytest.raises(PlaceError, match=r"the store refuses .* credentials") as caught:
        TraceReader(f"{bucket}/plain")
    assert "testing-secret" not in str(caught.value)


def test_a_command_reads_what_a_run_keeps_in_s3(bucket, working, monkeypatch):
    """Its result is that of a run that has all on its own disk."""
    folders = [Path("results") / run / "cache" / "m" / "image_tokens" for run in ("plain", "kept")]
    states = torch.arange(24.0).reshape(2, 4, 3)
    for folder, caches in zip(folders, ("", bucket), strict=True):
        monkeypatch.setenv(keeping.VARIABLE, caches)
        with TraceWriter(folder, {"trace": TRACE}, keep=kept_at(folder)) as writer:
            writer.add([{"image_id": n} for n in (1, 2)], {TRACE: states})
    assert not list(folders[1].glob("shard-*"))
    save_mean_token(average(TraceReader(folders[0])), working / "plain.safetensors")
    command = [sys.executable, "-m", "sightline.instruments.mean_token", "--cache"]
    for cache in (str(folders[1]), f"{bucket}/kept/cache/m/image_tokens"):
        ran = subprocess.run(
            [*command, cache, "--out", "kept.safetensors"], capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        assert "testing-secret" not in ran.stderr
        assert sha256("kept.safetensors") == sha256("plain.safetensors")
        Path("kept.safetensors").unlink()
