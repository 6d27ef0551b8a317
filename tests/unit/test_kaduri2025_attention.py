"""What is read off attention: names in tokens, bins of layers, peaks on masks, chosen tokens, statistics."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kaduri2025_attention_fakes as fakes
from kaduri2025_fakes import DEPTH
from sightline.scenes.mentions import Vocabulary
from sightline.scenes.tokens import Grid, object_tokens
from sightline.studies.judging.vocabulary import VocabularyJudge
from sightline.studies.kaduri2025.attention import (
    fractions,
    localisation,
    measurements,
    peaks,
    selection,
    spread,
    visible,
)
from sightline.studies.kaduri2025.attention.judge import judge_all
from sightline.studies.kaduri2025.attention.layer_bins import groups, layer_bins, mostly_in
from sightline.studies.kaduri2025.attention.measurements import MeasurementError
from sightline.studies.kaduri2025.attention.resampling import estimate
from sightline.studies.kaduri2025.attention.shares import decisive_share
from sightline.studies.kaduri2025.attention.spelled import first_mentions, token_ends
from sightline.studies.kaduri2025.windows import Window

WORDS = Vocabulary(("cat", "dog", "traffic light"), {})


def decode_pieces(pieces: list[str]):
    """Decoding as a tokenizer with pieces of words does it, outer spaces stripped."""
    return lambda tokens: "".join(pieces[token] for token in tokens).strip()


def test_name_of_several_pieces_is_found_at_its_first_mention():
    pieces = [" a", " tr", "affic", " lights", " and", " a", " cat", ",", " a", " cat", "."]
    found = first_mentions(decode_pieces(pieces), list(range(len(pieces))), WORDS)
    assert [(one.name, one.tokens) for one in found] == [
        ("traffic light", (1, 2, 3)),
        ("cat", (6,)),
    ]


def test_token_ends_survive_letters_that_come_in_parts():
    # The second half of a letter replaces what its first half had been decoded to.
    texts = {0: "", 1: "a �", 2: "a é", 3: "a é dog"}
    assert token_ends(lambda tokens: texts[len(tokens)], [7, 8, 9]) == [2, 3, 7]


def test_spans_and_mentions_agree():
    text = "Two Dogs near a traffic light; no cat."
    assert [(name, text[a:b]) for name, a, b in WORDS.spans(text)] == [
        ("dog", "Dogs"),
        ("traffic light", "traffic light"),
        ("cat", "cat"),
    ]
    assert WORDS.mentioned(text) == {"dog", "traffic light", "cat"}


@given(st.integers(1, 100))
def test_bins_cover_every_layer_once(depth):
    bins = layer_bins(depth)
    assert [layer for one in bins for layer in one.layers] == list(range(depth))
    assert len(bins) <= 8
    assert max(one.width for one in bins) - min(one.width for one in bins) <= 1


def test_bins_of_the_paper():
    assert layer_bins(80)[3] == Window(30, 39)
    middle = Window(20, 40)
    assert [mostly_in(one, middle) for one in layer_bins(80)] == [n in (2, 3) for n in range(8)]
    assert len(layer_bins(12)) == 6


def test_groups_surround_the_middle():
    assert groups(8, Window(2, 4)) == {"early": (0, 1), "middle": (2, 3, 4), "late": (5, 6, 7)}


@given(st.integers(0, 2**32 - 1))
def test_distances_equal_those_to_every_pixel(seed):
    rng = np.random.default_rng(seed)
    view = Grid(4, 6, 5)
    mask = rng.random((20, 30)) < 0.02
    found = peaks.distances(mask, view)
    rows, columns = np.nonzero(mask)
    for token in range(view.tokens):
        y, x = ((part + 0.5) * 5 for part in view.place(token))
        away = np.hypot(rows + 0.5 - y, columns + 0.5 - x)
        assert found[token] == pytest.approx(away.min() / 5 if len(rows) else np.inf)


def test_peak_counts_up_to_one_token_from_the_mask():
    mask = np.zeros((20, 20), bool)
    mask[8:12, 8:12] = True  # exactly the token in the middle of five by five
    view = Grid(5, 5, 4)
    assert (
        np.flatnonzero(peaks.inside(mask, view)).tolist()
        == object_tokens(mask, view).tolist()
        == [12]
    )
    near = np.flatnonzero(peaks.near(mask, view)).tolist()
    # Its neighbours, the diagonal ones too, and nothing behind them.
    assert near == [6, 7, 8, 11, 12, 13, 16, 17, 18]


def test_peaks_are_looked_for_in_the_thumbnail():
    grid = Grid(6, 2, 4, mosaic=(1, 2))
    assert peaks.view_of(np.arange(12), grid).tolist() == [8, 9, 10, 11]
    assert peaks.frame_of(np.zeros((24, 8)), grid).shape == (8, 8)
    assert peaks.whole_view(grid).tokens == 4


def test_tokens_are_chosen_layer_by_layer():
    scores = np.array([[0.1, 0.4, 0.2, 0.3], [0.9, 0.0, 0.0, 0.5]])
    assert selection.largest(scores, 2) == [(1, 3), (0, 3)]
    drawn = selection.drawn(5, 40, 7, (0, 1))
    assert drawn == selection.drawn(5, 40, 7, (0, 1))
    assert len(set(drawn)) > 1 and all(len(set(one)) == 7 for one in drawn)


def test_share_is_rounded_down_but_keeps_a_token():
    assert selection.count(5, 196) == 9
    assert selection.count(1, 50) == 1
    assert selection.count(29, 100) == 29


def test_claim_is_judged_where_eight_tokens_are_kept():
    assert decisive_share((1, 2, 5, 10), 196) == 5
    assert decisive_share((1, 2, 5, 10), 100) == 10
    with pytest.raises(MeasurementError, match="top_shares"):
        decisive_share((1, 5), 100)


def test_estimate_of_a_mean_is_the_mean():
    values = np.random.default_rng(0).random(50)
    value, interval = estimate(lambda weights: weights @ values / weights.sum(1), 50, 0, 500)
    assert value == pytest.approx(values.mean())
    assert interval.low < value < interval.high
    half = 1.96 * values.std() / 50**0.5
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.2)


def test_fractions_are_pooled_over_tokens():
    # Two images of 1 and 3 tokens: shares 1 and 0 have a pooled mean of a quarter.
    rows = [
        ("m", 1, image, 0, measurements.ALL_KEYS, measurements.IMAGE, steps, mean, mean)
        for image, steps, mean in ((1, 1, 1.0), (2, 3, 0.0))
    ]
    table = fractions.summarise(measurements.table(rows, measurements.FRACTIONS), 0, 50)
    row = table.iloc[0]
    assert (row["mean"], row["tokens"], row["n"]) == (0.25, 4, 2)
    assert row["sd"] == pytest.approx(0.1875**0.5)


def test_spread_of_known_maps():
    equal, peaked = np.full(100, 0.01), np.eye(100)[3]
    rows = [
        ("m", 3, 1, layer, measurements.MEAN_MAP, values.astype(np.float32))
        for layer, values in enumerate((peaked, equal, peaked))
    ]
    one = spread.Spread(measurements.table(rows, measurements.MAP_TABLE), Window(1, 1))
    assert one.entropy()[0] == pytest.approx([0, 1, 0], abs=1e-6)
    assert one.top()[0] == pytest.approx([1, 0.01, 1])
    assert one.overlaps()["early", "late"].tolist() == [1]
    assert one.held(50)["middle"][0] == pytest.approx(0.5)


def test_ends_must_share_more_than_either_shares_with_the_middle():
    """Early layers share all spots with late ones, and half of the images' early spots with the middle."""
    early, other = np.eye(100)[3], np.eye(100)[50]
    rows = [
        ("m", 3, image, layer, measurements.MEAN_MAP, values.astype(np.float32))
        for image in range(40)
        for layer, values in enumerate((early, early if image % 2 else other, early))
    ]
    one = spread.Spread(measurements.table(rows, measurements.MAP_TABLE), Window(1, 1))
    found = {each.what: each for each in spread.contrasts(one, 0, 500)}["overlap_difference"]
    assert found.value == pytest.approx(0.5)
    assert 0.3 < found.interval.low < 0.5 < found.interval.high < 0.7
    # One of the two overlaps is whole: an average would still call that a difference.
    rows = [(*row[:3], row[3], row[4], other if row[3] == 2 else early) for row in rows]
    one = spread.Spread(measurements.table(rows, measurements.MAP_TABLE), Window(1, 1))
    found = {each.what: each for each in spread.contrasts(one, 0, 50)}["overlap_difference"]
    assert found.value == pytest.approx(-1)


def test_random_tokens_meet_the_same_restriction():
    """With the last prompt position restricted too, chance is measured under that restriction."""
    sweep = fakes.judged_sweep()
    found = {
        each.variant: each.value
        for each in visible.contrasts(sweep, (5, 10, 50), fakes.TOKENS, 0, 50)
        if each.what == "over_random"
    }
    stricter = f"{measurements.ALL_LAYERS}, {measurements.STRICTER}"
    assert found[stricter] - found[measurements.ALL_LAYERS] == pytest.approx(0.11, abs=0.02)


def test_both_readings_of_a_bin():
    # An object that two of four layers find, and whose averaged map does not.
    key = ("m", 16, 1, "cup", measurements.PRODUCING)
    layers = [
        (*key, measurements.LAYER, layer, layer, 0, layer % 2 == 0, False, 0.5)
        for layer in range(16)
    ]
    bins = [
        (*key, measurements.BIN, one.first, one.last, 0, False, False, 0.5)
        for one in layer_bins(16)
    ]
    found = measurements.table(layers + bins, measurements.PEAKS)
    known = pd.DataFrame({"image_id": [1], "object": ["cup"], "chance": [0.1], "others": [1]})
    once = np.ones((1, 1))
    for measure, expected in ((localisation.PER_LAYER, 0.5), (localisation.AVERAGED, 0.0)):
        sums = localisation.cells(found, known, layer_bins(16), measure)
        assert sums.rate(sums.hits, once)[0] == pytest.approx([expected] * 8)
        assert sums.rate(sums.other, once)[0] == pytest.approx([0.5] * 8)
        assert sums.rate(sums.chance, once)[0] == pytest.approx(0.1)


def test_localisation_keeps_to_lost_objects():
    tables = fakes.attention_tables()
    lost = {(100, "cup"), (101, "dog"), (101, "car")}
    rows = localisation.rows_of(
        tables["peaks"], tables["objects"], lost, DEPTH, fakes.MIDDLE, 0, 50
    )
    table = pd.DataFrame(list(rows), columns=list(localisation.COLUMNS[2:]))
    counts = table.groupby("objects")["n"].unique()
    assert counts[localisation.LOST].tolist() == [2]
    assert counts[localisation.NAMED].tolist() == [len(fakes.OBJECTS) * fakes.IMAGES]


def test_draws_of_an_image_are_one_observation():
    table = visible.summarise(fakes.judged_sweep(), 0, 50)
    chance = table[(table["selection"] == selection.RANDOM) & (table["share"] == 5)]
    assert set(chance["n"]) == {fakes.IMAGES} and set(chance["draws"]) == {2}


def test_descriptions_without_objects_are_left_out():
    whole = (
        measurements.EVERYTHING_SEEN,
        measurements.ALL_LAYERS,
        measurements.AS_PUBLISHED,
        100,
        0,
        9,
    )
    some = (selection.ATTENTION, measurements.ALL_LAYERS, measurements.AS_PUBLISHED, 5, 0, 1)
    rows = [
        ("m", 4, 1, *whole, "a cat and a dog"),
        ("m", 4, 1, *some, "a cat"),
        ("m", 4, 2, *whole, "nothing"),
        ("m", 4, 2, *some, "a cat"),
    ]
    judge = VocabularyJudge(("cat", "dog"))
    judged = judge_all(measurements.table(rows, measurements.SWEEP), judge)
    assert judged["image_id"].tolist() == [1, 1]
    assert judged["f1"].tolist() == [1, pytest.approx(2 / 3)]
    assert judged["fn"].tolist() == ["", "dog"]


def test_missing_table_is_named(tmp_path):
    with pytest.raises(MeasurementError, match=r"maps\.parquet is missing"):
        measurements.read_tables([tmp_path], "maps")
    pd.DataFrame({"model": ["m"]}).to_parquet(tmp_path / "maps.parquet")
    with pytest.raises(MeasurementError, match="no column model_layers"):
        measurements.read_tables([tmp_path], "maps")
