"""Trace sets on disk: whole or not at all, checked, and the same bytes for the same input."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.cache.spec import Spec, SpecMismatchError
from sightline.cache.store import (
    DamagedTraceError,
    TraceError,
    TraceReader,
    TraceWriter,
    UnfinishedTraceError,
)

SPEC = {"model": "demo-llava", "dtype": "bfloat16", "world": {"version": 3, "seed": 0}}
ROW_BYTES = 3 * 2 * 2 + 4


def material(count: int) -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
    """Rows and tensors whose values tell their row: bf16 (count, 3, 2) and float32 (count,)."""
    numbers = torch.arange(count)
    tokens = (numbers[:, None] * 10 + torch.arange(6)).reshape(count, 3, 2)
    rows = pd.DataFrame({"image_id": numbers.numpy() + 100, "prompt": ["describe"] * count})
    return rows, {"tokens": tokens.bfloat16(), "norm": numbers.float() / 7}


def write(folder: Path, count: int = 10, rows_per_shard: int = 4, steps: int = 3) -> None:
    """Write `material` in batches of ``steps`` rows."""
    rows, tensors = material(count)
    with TraceWriter(folder, SPEC, max_shard_bytes=rows_per_shard * ROW_BYTES) as writer:
        for start in range(0, count, steps):
            batch = slice(start, start + steps)
            writer.add(rows[batch], {name: part[batch] for name, part in tensors.items()})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_rows_come_back_in_the_order_asked_with_their_type(tmp_path):
    write(tmp_path)
    reader = TraceReader(tmp_path, expect=SPEC)
    _, tensors = material(10)
    asked = [9, 0, 5, 0, 3]
    tokens = reader.rows("tokens", asked)
    assert tokens.dtype == torch.bfloat16
    assert torch.equal(tokens, tensors["tokens"][asked])
    assert torch.equal(reader.read("norm"), tensors["norm"])
    assert reader.names == ("norm", "tokens")
    assert reader.shape("tokens") == (3, 2)
    assert list(reader.index.columns) == ["image_id", "prompt", "shard", "offset"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "index.parquet",
        "shard-0000.safetensors",
        "shard-0001.safetensors",
        "shard-0002.safetensors",
        "spec.json",
    ]


def test_rows_can_be_chosen_by_a_column_of_the_index(tmp_path):
    write(tmp_path)
    reader = TraceReader(tmp_path)
    chosen = reader.index["image_id"] > 106
    assert torch.equal(reader.rows("norm", chosen), material(10)[1]["norm"][7:])
    assert reader.rows("tokens", []).shape == (0, 3, 2)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_rows_do_not_depend_on_the_shard_size(tmp_path_factory, data):
    count = data.draw(st.integers(1, 12), label="count")
    asked = data.draw(st.lists(st.integers(0, count - 1), max_size=20), label="asked")
    folder = tmp_path_factory.mktemp("trace")
    write(
        folder,
        count,
        rows_per_shard=data.draw(st.integers(1, 13), label="rows per shard"),
        steps=data.draw(st.integers(1, 13), label="steps"),
    )
    _, tensors = material(count)
    reader = TraceReader(folder)
    for name in reader.names:
        assert torch.equal(reader.rows(name, asked), tensors[name][asked])


def test_equal_input_gives_equal_bytes_however_it_is_handed_in(tmp_path):
    write(tmp_path / "first", steps=3)
    write(tmp_path / "second", steps=10)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_numpy_arrays_and_lists_of_rows_are_taken(tmp_path):
    with TraceWriter(tmp_path, {}) as writer:
        writer.add([{"image_id": 1}, {"image_id": 2}], {"mask": np.array([[True], [False]])})
    reader = TraceReader(tmp_path)
    assert reader.read("mask").tolist() == [[True], [False]]
    assert reader.index["image_id"].tolist() == [1, 2]


def test_a_tensor_changed_after_it_was_added_is_stored_as_it_was(tmp_path):
    tensor = torch.zeros(2, 2)
    with TraceWriter(tmp_path, {}) as writer:
        writer.add(pd.DataFrame({"image_id": [1, 2]}), {"x": tensor})
        tensor.fill_(5)
    assert TraceReader(tmp_path).read("x").sum() == 0


def test_values_that_are_not_finite_are_counted_and_kept(tmp_path, caplog):
    with TraceWriter(tmp_path, {}) as writer:
        writer.add([{"image_id": 1}], {"x": torch.tensor([[1.0, float("nan"), float("inf")]])})
    assert json.loads((tmp_path / "spec.json").read_text())["tensors"]["x"]["non_finite"] == 2
    assert "tensor x holds 2 values that are not finite" in caplog.text
    assert torch.isinf(TraceReader(tmp_path).read("x")[0, 2])


KILLED = """
    import sys, time, torch
    from sightline.cache.store import TraceWriter
    writer = TraceWriter(sys.argv[1], {"model": "m"}, max_shard_bytes=8)
    for number in range(3):
        writer.add([{"image_id": number}], {"x": torch.full((1, 2), float(number))})
    if sys.argv[2] == "closing":
        # Stop where the old files are gone and the new marker is not there yet.
        import sightline.cache.places as module
        def stop(*arguments):
            print("ready", flush=True)
            time.sleep(60)
        module.write_json = stop
        writer.close()
    print("ready", flush=True)
    time.sleep(60)
"""


def kill_a_writer(folder: Path, moment: str) -> None:
    """Start a writer in its own process, let it write shards, and kill it without warning."""
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), moment]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_what_a_killed_writer_leaves_is_not_trusted_and_the_next_cleans_up(tmp_path):
    kill_a_writer(tmp_path, "adding")
    assert any(path.is_dir() for path in tmp_path.iterdir())
    with pytest.raises(UnfinishedTraceError, match=r"spec\.json is missing: .*Run snakemake"):
        TraceReader(tmp_path)
    write(tmp_path)
    write(tmp_path.parent / "undisturbed")
    assert contents(tmp_path) == contents(tmp_path.parent / "undisturbed")


def test_a_finished_trace_set_survives_the_killed_attempt_to_replace_it(tmp_path):
    write(tmp_path)
    kill_a_writer(tmp_path, "adding")
    assert len(TraceReader(tmp_path, expect=SPEC)) == 10


def test_a_writer_killed_while_it_swaps_the_files_leaves_no_marker(tmp_path):
    write(tmp_path)
    kill_a_writer(tmp_path, "closing")
    with pytest.raises(UnfinishedTraceError):
        TraceReader(tmp_path)
    write(tmp_path)
    assert len(TraceReader(tmp_path, expect=SPEC)) == 10


def test_an_exception_discards_what_was_written(tmp_path):
    with pytest.raises(ZeroDivisionError), TraceWriter(tmp_path, SPEC) as writer:
        writer.add(*material(2))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["shard-0001.safetensors", "index.parquet"])
def test_a_flipped_byte_is_caught_and_the_message_says_what_to_delete(tmp_path, name):
    write(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-20] + b"\xff" + path.read_bytes()[-19:])
    with pytest.raises(DamagedTraceError) as caught:
        TraceReader(tmp_path).rows("tokens", [9, 5])
    assert str(path) in str(caught.value)
    assert f"Delete {tmp_path} and run snakemake again" in str(caught.value)


def test_an_untouched_shard_of_a_damaged_set_is_still_readable(tmp_path):
    write(tmp_path)
    path = tmp_path / "shard-0002.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert TraceReader(tmp_path).rows("tokens", [0, 7]).shape == (2, 3, 2)


@pytest.mark.parametrize("name", ["shard-0001.safetensors", "index.parquet"])
def test_a_missing_file_is_named(tmp_path, name):
    write(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DamagedTraceError, match=f"{name} is missing"):
        TraceReader(tmp_path)


def test_a_cut_shard_is_caught_when_the_set_is_opened(tmp_path):
    write(tmp_path)
    path = tmp_path / "shard-0001.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DamagedTraceError, match="bytes instead of"):
        TraceReader(tmp_path, verify=False)


def test_a_spec_edited_by_hand_does_not_match_the_shards(tmp_path):
    write(tmp_path)
    path = tmp_path / "spec.json"
    path.write_text(path.read_text().replace("demo-llava", "demo-other"))
    with pytest.raises(DamagedTraceError, match="does not match the settings inside shard-0000"):
        TraceReader(tmp_path).read("norm")
    path.write_text(path.read_text()[:-30])
    with pytest.raises(DamagedTraceError, match=r"spec\.json cannot be read"):
        TraceReader(tmp_path)


def test_a_spec_that_differs_names_every_key_and_what_to_delete(tmp_path):
    write(tmp_path)
    expect = {"model": "demo-llava", "world": {"version": 4}, "revision": "abc"}
    with pytest.raises(SpecMismatchError) as caught:
        TraceReader(tmp_path, expect=expect)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'spec.json'}: ")
    assert "world.version: written with 3, this run expects 4" in message
    assert 'revision: written with no such key, this run expects "abc"' in message
    assert "model:" not in message
    assert f"Delete {tmp_path}" in message


def test_a_spec_has_one_spelling():
    first = Spec({"b": (1, 2), "a": {"y": None, "x": 1.0}})
    second = Spec({"a": {"x": 1.0, "y": None}, "b": [1, 2]})
    assert first.text == second.text == '{"a":{"x":1.0,"y":null},"b":[1,2]}'
    assert first.digest == second.digest
    assert first.differences({"b": [2, 1]}) == [("b", [1, 2], [2, 1])]
    assert Spec({"on": True}).differences({"on": 1}) == [("on", True, 1)]
    assert Spec({"on": [0, True]}).differences({"on": [0, 1]}) == [("on", [0, True], [0, 1])]
    assert Spec({"on": [0, 1]}).differences({"on": [0.0, 1]}) == []


@pytest.mark.parametrize("value", [float("nan"), Path("x"), {1, 2}, {"deep": [object()]}])
def test_a_spec_refuses_what_json_cannot_spell_and_names_the_key(value):
    with pytest.raises(SpecMismatchError, match="spec key settings"):
        Spec({"settings": value})


@pytest.mark.parametrize(
    ("rows", "tensors", "message"),
    [
        ([{"image_id": 2}], {"x": torch.zeros(2, 4)}, "1 rows were given"),
        ([{"image_id": 2}], {"x": torch.zeros(1, 5)}, "one row per token"),
        ([{"image_id": 2}], {"x": torch.zeros(1, 4).double()}, r"float64 \[4\] per row"),
        ([{"image_id": 2}], {"y": torch.zeros(1, 4)}, "differ from the first rows'"),
        ([{"other": 2}], {"x": torch.zeros(1, 4)}, "columns"),
        ([{"shard": 2}], {"x": torch.zeros(1, 4)}, "shard is the index's own"),
        ([{"image_id": 2}], {}, "without any tensor"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path, rows, tensors, message):
    writer = TraceWriter(tmp_path, {})
    writer.add([{"image_id": 1}], {"x": torch.zeros(1, 4)})
    with pytest.raises(TraceError, match=message):
        writer.add(rows, tensors)


def test_an_empty_trace_set_is_refused(tmp_path):
    with pytest.raises(TraceError, match="no rows to write"), TraceWriter(tmp_path, {}):
        pass


def test_asking_for_what_is_not_there_says_what_is(tmp_path):
    write(tmp_path)
    reader = TraceReader(tmp_path)
    with pytest.raises(TraceError, match="no tensor token; it holds norm, tokens"):
        reader.read("token")
    with pytest.raises(TraceError, match="no row 10; rows run from 0 to 9"):
        reader.rows("norm", [10])
    with pytest.raises(TraceError, match="cannot pick from 10 rows"):
        reader.rows("norm", [True, False])
