"""C2 on comparisons made up so that the answer is plain, and how the right noun is told from others."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from qian2025_page_fakes import HEIGHT, WIDTH, write_measurements
from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED
from sightline.studies.qian2025.items.pictures import MAPS, draw_fig1
from sightline.studies.qian2025.items.shown import read_shown, with_nouns
from sightline.studies.qian2025.nouns import verdicts
from sightline.studies.qian2025.nouns.names import COLUMNS, PICTURES, RAW, VARIANTS
from sightline.studies.qian2025.protocol import Protocol

ROOT = Path(__file__).parents[2]
QUERIES = 100


def protocol():
    settings = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    return Protocol.parse(settings["studies"]["qian2025"] | {"seed": 0, "bootstrap": 300})


def compared(best=0.95, ten=0.95, nearer=0.1, asked=3, queries=QUERIES):
    """Comparisons of which so large a share is right; ``nearer`` is how much nearer the state is to the right name."""
    numbers = np.arange(queries)
    table = pd.DataFrame(
        {"model": "m", "encoder": "e", "split": "test", "number": numbers, "query": numbers.astype(str),
         "image": numbers.astype(str), "noun": "mug", "names": 24, "asked": asked}
    )  # fmt: skip
    for variant in VARIANTS:
        table[f"{variant}, correlation"], table[f"{variant}, mean of others"] = 0.4, 0.1
        table[f"{variant}, best"] = numbers < best * queries
        table[f"{variant}, worst"] = False
        table[f"{variant}, best of ten"] = numbers < ten * queries
        # An object may lie outside what the encoder sees.
        table[f"{variant}, area"] = np.where(numbers == 0, np.nan, 0.6)
    jitter = np.random.default_rng(0).normal(0, 0.02, queries)
    missing = np.nan if not asked else 1
    table["by name"] = (0.8 + nearer + jitter) * missing
    table["nearest other"] = table["mean of others"] = 0.8 * missing
    return table[list(COLUMNS)]


EMBEDDED = pd.DataFrame({"image": range(60), "best_map": [True] * 45 + [False] * 15})
NONE = pd.DataFrame()


def rows(table, embedded=NONE, model="m"):
    return list(verdicts.judge_nouns(table, embedded, protocol(), model, "embedded world"))


def test_the_right_map_and_the_right_state_replicate():
    assert rows(compared())[0].verdict == REPLICATED
    assert rows(compared())[0].reproduced == 2


def test_either_half_alone_does_not():
    assert rows(compared(best=0.5))[0].verdict == NOT_REPLICATED
    assert rows(compared(nearer=-0.1))[0].verdict == NOT_REPLICATED


def test_few_queries_leave_the_claim_open():
    assert rows(compared(queries=20))[0].verdict == INCONCLUSIVE


def test_without_other_objects_half_of_the_claim_stays_open():
    found = rows(compared(asked=0))
    assert found[0].reproduced == 1 and found[0].verdict == INCONCLUSIVE
    assert "name no other objects" in found[0].criterion
    assert rows(compared(asked=0, best=0.5))[0].verdict == NOT_REPLICATED
    assert rows(compared(asked=0), model="lisa-7b")[0].verdict == REPLICATED
    assert not [one for one in found if "cosine" in one.metric]


def test_released_checkpoints_have_their_own_criterion():
    """Ten other nouns, 70 % of at least fifty images; all other nouns decide nothing."""
    table = compared(best=0.2, ten=0.9, nearer=-0.1)
    assert rows(table, model="lisa-7b")[0].verdict == REPLICATED
    assert "70%" in rows(table, model="lisa-7b")[0].criterion
    assert rows(table)[0].verdict == NOT_REPLICATED
    few = compared(ten=0.9, queries=40)
    assert rows(few, model="lisa-7b")[0].verdict == INCONCLUSIVE


@pytest.mark.parametrize(
    ("table", "need"),
    [(None, "noun_encoder"), (compared().iloc[:0], "which ReasonSeg does not tell")],
)
def test_what_is_missing_is_said(table, need):
    first, *more = rows(table, EMBEDDED)
    assert first.verdict == NOT_RUN and need in first.criterion
    assert [one.variant for one in more] == [verdicts.EMBEDDED]


def test_the_words_output_embedding_decides_nothing():
    found = rows(compared(best=0.5), EMBEDDED)
    (row,) = [one for one in found if one.variant == verdicts.EMBEDDED]
    assert found[0].verdict == NOT_REPLICATED
    assert row.reproduced == pytest.approx(0.75) and row.verdict == INCONCLUSIVE


def test_inverted_maps_are_told_beside():
    table = compared(best=0.0).assign(**{f"{RAW}, worst": True})
    found = {one.metric: one.reproduced for one in rows(table)}
    (inverted,) = [value for metric, value in found.items() if "inverted" in metric]
    assert inverted == 1


def test_only_the_judged_split_is_read(tmp_path):
    both = pd.concat([compared().assign(split="val"), compared()])
    both.to_parquet(tmp_path / "nouns.parquet")
    found = verdicts.read_compared([tmp_path / "nouns.parquet"], "test")
    assert len(found) == QUERIES and set(found["split"]) == {"test"}
    assert verdicts.read_compared([], "test") is None


def test_the_right_noun_is_told_from_all_others_and_from_ten():
    measure = pytest.importorskip("sightline.studies.qian2025.nouns.measure")
    correlations = np.array([0.1, 0.5, 0.7, -0.2])
    found = measure.compare_maps(correlations, 1, np.array([0, 3]))
    assert not found[", best"] and found[", best of ten"] and not found[", worst"]
    assert found[", mean of others"] == pytest.approx(0.2)
    assert measure.compare_maps(correlations, 3, np.array([0]))[", worst"]


def test_equal_places_share_their_rank():
    """A map that is flat at its rim is as like another, whichever way round it is read."""
    maps = pytest.importorskip("sightline.studies.qian2025.nouns.maps")
    torch = pytest.importorskip("torch")
    one = torch.tensor([0.0, 0.0, 0.0, 1.0, 2.0, torch.nan])
    many = torch.tensor([[5.0, 4.0, 3.0, 6.0, 7.0, 0.0], [3.0, 4.0, 5.0, 6.0, 7.0, 0.0]])
    found = maps.rank_correlations(one, many)
    assert found[0] == pytest.approx(float(found[1])) and found[0] > 0.8


@pytest.fixture
def pictured(tmp_path):
    """A gallery of two queries, and the noun of the first."""
    folder = write_measurements(tmp_path / "toy")
    arrays = load_file(folder / "gallery.safetensors")
    heat = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.float16)
    numbers = sorted({int(name.split()[0]) for name in arrays})
    for number in numbers:
        arrays |= {f"{number} {name}": heat for name in ("map", "best", "input", "sam")}
    save_file(arrays, folder / "gallery.safetensors")
    save_file({f"{numbers[0]} noun": heat.T.reshape(heat.shape)}, folder / PICTURES)
    query = pd.read_parquet(folder / "queries.parquet")["query"].iloc[numbers[0]]
    named = compared(queries=1).assign(number=numbers[0], query=query)
    # Another split may call its query the same.
    other = named.assign(number=numbers[-1] + 99, noun="wrong")
    pd.concat([named, other]).to_parquet(folder / "nouns.parquet")
    return folder


def test_a_picture_carries_its_noun_and_the_others_none(pictured):
    first, *others = with_nouns(read_shown(pictured), pictured / "nouns.parquet")
    assert (first.noun, first.encoder) == ("mug", "e") and "noun" in first.arrays
    assert not any(one.noun or "noun" in one.arrays for one in others)


def test_panel_b_is_the_noun_where_there_is_one(pictured):
    titles = []
    for shown in (
        with_nouns(read_shown(pictured), pictured / "nouns.parquet"),
        read_shown(pictured),
    ):
        panels = draw_fig1(shown).axes
        titles.append(panels[1].get_title())
    assert titles == ['the name "mug" in\ne', MAPS["input"]]


def test_figures_of_nouns_need_no_torch():
    code = "import sys, sightline.studies.qian2025.items.pictures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
