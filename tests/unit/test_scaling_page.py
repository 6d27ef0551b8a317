"""docs/scaling.md: hand-worked steps, and a page that agrees with its constants."""

import json
from pathlib import Path

import pytest

from sightline.report.plan.cards import Card, find_card
from sightline.report.plan.cost import read, see
from sightline.report.plan.scaling import LISTED, Step, breaks, fit_growth, step
from sightline.report.plan.scaling_page import enough, page
from sightline.report.plan.shapes import read_table

ROOT = Path(__file__).parents[2]
CONSTANTS = json.loads((ROOT / "docs/scaling-constants.json").read_text())
SHAPE = read_table(ROOT / "resources/shapes.csv")["llava-1.5-7b"]


def test_a_straight_line_is_found_again():
    runs = [{"jobs": n, "seconds": 2 + 0.001 * n, "mebibytes": 80 + n / 64} for n in (100, 900)]
    growth = fit_growth(runs)
    assert growth.seconds(10_000) == pytest.approx(12)
    assert growth.gigabytes(64_000) == pytest.approx(1080 * 2**20 / 1e9)


def test_a_step_by_hand():
    """1,000 images keep 2 rows x 33 states x 4096 x 2 bytes each: 540.7 MB in three files of 256 MB."""
    card = Card("toy", "Toy", 1e9, peak=1e12, bandwidth=1e12, efficiency=0.5)
    one = step(1000, CONSTANTS, SHAPE, card)
    assert one.cache - one.index == 1000 * 2 * 33 * 4096 * 2
    assert one.files == 3
    seconds = 1000 * (see(SHAPE, 1) + read(SHAPE, 616)) / 0.5e12
    assert one.hours == pytest.approx(seconds / 3600)
    # With a load of 60 s a shard works for 540 s.
    assert one.shards == -(-seconds // 540)
    assert one.loading == pytest.approx(one.shards * 60 / 3600)


def test_more_cards_than_shards_do_not_help():
    one = Step(1, 0, 0, 0, 1, shards=4, hours=8, loading=0)
    assert [one.wall(gpus) for gpus in (1, 3, 4, 1000)] == [8, 4, 2, 2]


def test_the_dag_breaks_where_it_is_too_long_to_wait_for():
    growth = fit_growth(CONSTANTS["dag"]["runs"])
    small, large = (Step(1, 0, 0, 0, 1, LISTED * n - 1, 1, 0) for n in (1, 3))
    assert not breaks(small, growth)[0].startswith("the DAG")
    what, remedy = breaks(large, growth)
    assert what.startswith("the DAG") and "=1/3`" in remedy


def test_a_shard_that_loads_for_a_tenth_of_its_time():
    """6 s of loading and 0.5 s a sample: 108 samples work for 54 s, nine times as long."""
    assert enough(6, 0.5) == 108
    assert enough(0.1, 1) == 1


def test_the_page_is_the_one_its_constants_give():
    card = find_card(ROOT / "resources/cards.csv", CONSTANTS["card"])
    steps = [step(count, CONSTANTS, SHAPE, card) for count in CONSTANTS["images"]]
    expected = page(CONSTANTS, steps, fit_growth(CONSTANTS["dag"]["runs"]), card)
    assert (ROOT / "docs/scaling.md").read_text() == expected
