"""Shares of samples: nothing twice, nothing left out, and gathered into the bytes of one job."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sightline.cache.gather import gather_traces, trace_sets
from sightline.cache.store import TraceError, TraceReader, TraceWriter
from sightline.files import write_parquet
from sightline.gather import GatherError, gather_table, gather_text
from sightline.shards import Shard, blocked

COUNTS = (1, 3, 16)
COLUMNS = {"image": "int64", "answer": "str", "p": "float64", "right": "bool"}


def shards(count: int) -> list[Shard]:
    return [Shard(number, count) for number in range(1, count + 1)]


@given(st.integers(0, 200), st.integers(1, 40), st.integers(1, 20))
def test_shares_laid_end_to_end_are_the_whole(length, count, block):
    items = list(range(length))
    shares = [shard.of(items, block) for shard in shards(count)]
    assert [item for share in shares for item in share] == items
    assert all(share[0] % block == 0 for share in shares if share)
    sizes = [-(-len(share) // block) for share in shares]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(0, 100), st.integers(1, 20), st.integers(1, 12), st.integers(1, 20))
def test_the_same_samples_meet_in_a_batch_whatever_the_number_of_shards(length, count, size, block):
    items = list(range(length))
    batches = [
        batch for shard in shards(count) for batch in blocked(shard.of(items, block), size, block)
    ]
    assert batches == list(blocked(items, size, block))
    assert all(len(batch) <= size for batch in batches)


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 20))
def test_rows_without_work_go_along(chosen, count):
    frame = pd.DataFrame({"line": range(len(chosen)), "chosen": np.array(chosen, dtype=bool)})
    shares = [shard.around(frame, chosen) for shard in shards(count)]
    pd.testing.assert_frame_equal(pd.concat(shares), frame)
    work = [share["chosen"].sum() for share in shares]
    assert max(work) - min(work) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "a/b", "-1/2"])
def test_a_share_that_is_none_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="a valid value: 3/16"):
        Shard.parse(text)
    assert Shard.parse("3/16") == Shard(3, 16)


def table(images: range) -> pd.DataFrame:
    """Texts, numbers that are missing, and arrays, as measurements hold them."""
    rows = [
        (one, "yes" * (one % 3), one / 7 if one % 5 else np.nan, one % 2 == 0) for one in images
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    return frame.assign(map=[np.arange(one % 4, dtype=np.float32) for one in images])


@pytest.mark.parametrize("count", COUNTS)
def test_gathered_tables_are_the_bytes_of_one_job(tmp_path, count):
    """With 16 shards of 7 rows, most have none."""
    for rows in (7, 5000):
        write_parquet(table(range(rows)), tmp_path / "whole.parquet")
        parts = [tmp_path / f"{shard.number}.parquet" for shard in shards(count)]
        for shard, part in zip(shards(count), parts, strict=True):
            write_parquet(table(shard.of(range(rows))), part)
        gather_table(parts, tmp_path / "gathered.parquet")
        whole, gathered = (tmp_path / f"{name}.parquet" for name in ("whole", "gathered"))
        assert gathered.read_bytes() == whole.read_bytes()


def test_parts_that_do_not_belong_together_are_refused(tmp_path):
    write_parquet(pd.DataFrame({"a": [1]}), tmp_path / "one.parquet")
    write_parquet(pd.DataFrame({"b": [1]}), tmp_path / "two.parquet")
    with pytest.raises(GatherError, match=r"two\.parquet: columns are b, those of .* a\."):
        gather_table([tmp_path / "one.parquet", tmp_path / "two.parquet"], tmp_path / "out.parquet")
    write_parquet(pd.DataFrame({"a": ["1"]}), tmp_path / "two.parquet")
    with pytest.raises(
        GatherError, match=r"out\.parquet: the shards .* different kinds in one column"
    ):
        gather_table([tmp_path / "one.parquet", tmp_path / "two.parquet"], tmp_path / "out.parquet")
    (tmp_path / "one.json").write_text("1")
    (tmp_path / "two.json").write_text("2")
    with pytest.raises(GatherError, match=r"two\.json differs from"):
        gather_text([tmp_path / "one.json", tmp_path / "two.json"], tmp_path / "out.json")
    assert not list(tmp_path.glob("out.*"))


def test_a_gap_in_one_shard_makes_the_whole_column_one_of_fractions(tmp_path):
    """As it would in one table."""
    whole = pd.DataFrame({"a": [1, 2, 3, None]})
    for name, rows in (("one", [1, 2]), ("two", [3, None])):
        write_parquet(pd.DataFrame({"a": rows}), tmp_path / f"{name}.parquet")
    gather_table([tmp_path / "one.parquet", tmp_path / "two.parquet"], tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), whole)


def write_traces(folder: Path, rows: range, share: bool, **spec: str) -> None:
    """Rows of a text, a number and a vector; eight rows fill a file."""
    with TraceWriter(folder, {"trace": "test"} | spec, 8 * 16, may_be_empty=share) as writer:
        for row in rows:
            vector = torch.full((1, 4), float(row))
            writer.add([{"image_id": row, "split": "val" * (row % 2)}], {"state": vector})


@pytest.fixture
def small_files(monkeypatch):
    """Trace sets of several files in the gathering, too."""
    before = TraceWriter.__init__

    def small(self, folder, spec, max_shard_bytes=8 * 16, **settings):
        before(self, folder, spec, max_shard_bytes, **settings)

    monkeypatch.setattr(TraceWriter, "__init__", small)


@pytest.mark.parametrize("count", COUNTS)
def test_gathered_traces_are_the_bytes_of_one_job(tmp_path, count, small_files):
    write_traces(tmp_path / "whole", range(21), share=False)
    for shard in shards(count):
        write_traces(tmp_path / str(shard.number), shard.of(range(21), 2), share=True)
    parts = [tmp_path / str(shard.number) for shard in shards(count)]
    gather_traces(parts, tmp_path / "gathered")
    files = {file.name: file.read_bytes() for file in (tmp_path / "whole").iterdir()}
    assert len(files) == 5
    assert {one.name: one.read_bytes() for one in (tmp_path / "gathered").iterdir()} == files


def test_traces_of_other_settings_are_not_gathered(tmp_path):
    write_traces(tmp_path / "1", range(2), share=True, model="one")
    write_traces(tmp_path / "2", range(2), share=True, model="two")
    with pytest.raises(TraceError, match="model differs from that of"):
        gather_traces([tmp_path / "1", tmp_path / "2"], tmp_path / "out")
    assert not (tmp_path / "out" / "spec.json").exists()


def test_no_row_in_any_shard_is_refused(tmp_path):
    for name in ("1", "2"):
        write_traces(tmp_path / name, range(0), share=True)
        assert len(TraceReader(tmp_path / name)) == 0
    with pytest.raises(TraceError, match="no rows to write"):
        gather_traces([tmp_path / "1", tmp_path / "2"], tmp_path / "out")


def test_the_trace_set_that_marks_the_whole_is_gathered_last(tmp_path):
    for name in ("published", "cls", "corrected"):
        write_traces(tmp_path / name, range(1), share=True)
    assert trace_sets(tmp_path, "cls/spec.json") == ["corrected", "published", "cls"]
    assert trace_sets(tmp_path / "cls", "spec.json") == ["."]
