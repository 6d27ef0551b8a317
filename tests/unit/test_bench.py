"""Benchmarks compare what they say, count right, and fail rows that are fast but wrong; nothing is timed here."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from sightline.bench import capturing, description, growth, knockout_sweep, lens, measure, plain
from sightline.bench.document import write_document
from sightline.bench.growth import measure_growth
from sightline.bench.growth_plot import seconds
from sightline.bench.measure import keep_other_rows, measure_all
from sightline.bench.peaks import Peak, largest_sum
from sightline.bench.rounds import Round, Rounds, Step, alternate
from sightline.bench.shapes import SHAPES, BenchError, find_shape
from sightline.bench.subject import build_subject
from sightline.bench.table import print_row
from sightline.bench.work import (
    Agreement,
    Goal,
    PeakRatio,
    Ratio,
    Work,
    largest_error,
    relative_error,
)
from sightline.bench.works import WORKS
from sightline.files import write_json
from sightline.instruments.replay import replay

TINY = SHAPES["tiny"]


@pytest.fixture(scope="module")
def subject():
    torch.set_num_threads(1)
    return build_subject(TINY)


def run_all(work):
    """Results of both sides by name, each called once."""
    results = {step.name: step.call() for step in work.steps}
    assert len(results) == len(work.steps)
    return results | {name: call() for name, call in work.whole.items()}


@pytest.mark.parametrize("key", WORKS)
def test_both_sides_of_every_row_agree(subject, key):
    work = WORKS[key](subject)
    agreement = work.agree(run_all(work))
    assert agreement.reached
    if agreement.effect is not None:
        # Or else sides would agree whatever they do.
        assert agreement.effect > 0.1


def test_the_sweep_is_that_of_neo2025(subject):
    """6 pairs x 6 windows; windows of 32 layers and sizes of token groups as in the authors' code."""
    groups = knockout_sweep.cuts(subject)
    assert [len(cuts) for cuts in groups.values()] == [24, 12]
    windows = {name: (layers[0], layers[-1]) for name, layers in SHAPES["small"].windows.items()}
    assert windows == {
        "early": (0, 9),
        "early-mid": (5, 14),
        "mid": (11, 20),
        "mid-late": (15, 24),
        "late": (21, 31),
        "all": (0, 31),
    }
    assert [len(SHAPES["7b"].object_tokens(rings)) for rings in range(3)] == [12, 30, 56]
    rest = next(cut for cut in groups["last token"] if cut.name.startswith("I-(O+1)"))
    assert len(rest.keys) == TINY.side**2 - len(TINY.object_tokens(1))
    assert all(cut.queries == (subject.prompt.roles.last,) for cut in groups["last token"])
    below = next(cut for cut in groups["last visual row"] if cut.name.startswith("I-LVR"))
    assert set(below.queries) | set(below.keys) == set(subject.prompt.roles.image.tolist())


def test_rows_that_cannot_be_skipped_are_counted(subject):
    """By hand for windows 0-1, 1-2 (twice), 2-3, 3 and all of 4 layers; two pairs of token groups."""
    assert list(TINY.windows.values()) == [(0, 1), (1, 2), (1, 2), (2, 3), (3,), (0, 1, 2, 3)]
    row, text, length = TINY.side, len(subject.prompt.roles.query), TINY.length
    # Each layer: rows of conditions that begin here, and of those begun before; equal histories once.
    expected = row + (row + row + text) + (row + 3 * (row + text)) + (row + 4 * (row + text))
    found = knockout_sweep.least_forwards(subject)
    assert found == pytest.approx(2 * expected / (4 * length))


def test_prompts_are_as_long_as_the_shape_says(subject):
    assert [len(subject.ask(number)) for number in range(3)] == [50, 49, 48]
    assert len({subject.ask(number).text for number in range(3)}) == 3


def test_plain_side_cuts_attention(subject):
    """Image hidden from all later rows: another image gives the same answer, and otherwise another one."""
    image, query = (
        tuple(getattr(subject.prompt.roles, role).tolist()) for role in ("image", "query")
    )
    blind = plain.Cut("blind", query, image, tuple(range(TINY.layers)), new=True)
    other = subject.embed(subject.prompt, subject.image_tokens.flip(0) * 3)
    own = subject.embed(subject.prompt)
    torch.testing.assert_close(
        plain.last_logits(subject, own, blind), plain.last_logits(subject, other, blind)
    )
    assert plain.generate(subject, own, blind)[0] == plain.generate(subject, other, blind)[0]
    assert plain.generate(subject, own)[0] != plain.generate(subject, other)[0]
    assert len(plain.generate(subject, own)[0]) == TINY.new_tokens


def test_a_wrong_answer_is_noticed(subject):
    """One wrong logit, and one wrong token."""
    sweep = WORKS["knockout"](subject)
    results = run_all(sweep)
    results["all"][3, 5] += 1
    assert not sweep.agree(results).reached
    describing = WORKS["describe"](subject)
    results = run_all(describing)
    wrong = list(results["replay"])
    wrong[0] = replace(wrong[0], tokens=(1, *wrong[0].tokens[1:]))
    found = describing.agree(results | {"replay": wrong})
    assert found.same == len(description.cuts(subject)) - 1
    assert not found.reached


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_what_is_no_number_agrees_with_nothing(subject, wrong):
    """In a comparison it is neither larger nor smaller, and a maximum that began with another number keeps that."""
    plain_one, broken = torch.ones(3), torch.tensor([1.0, wrong, 1.0])
    assert relative_error(broken, plain_one) == relative_error(plain_one, broken) == math.inf
    assert relative_error(plain_one * 1.5, plain_one) == 0.5
    assert largest_error([0.0, math.nan, 1.0]) == largest_error([math.nan]) == math.inf
    assert largest_error([0.0, 0.5]) == 0.5
    sweep = WORKS["knockout"](subject)
    results = run_all(sweep)
    results[knockout_sweep.CLEAN].logits[3] = wrong
    assert not sweep.agree(results).reached
    reading = WORKS["capture"](subject)
    results = run_all(reading)
    results[capturing.CAPTURE].attention[0, 0, 0, 0] = wrong
    assert not reading.agree(results).reached
    seeing = WORKS["lens"](subject)
    results = run_all(seeing)
    results[lens.LENS].log_probabilities[1, 0, 0] = wrong
    assert not seeing.agree(results).reached


def test_growth_is_not_measured_with_wrong_answers(monkeypatch):
    def broken(clean, conditions):
        return replay(clean, conditions) * math.nan

    monkeypatch.setattr(growth, "replay", broken)
    with pytest.raises(BenchError, match="logits are inf apart"):
        measure_growth(TINY, rounds=1, threads=1)


def test_rounds_deal_every_condition_and_time_the_other_side_in_each():
    calls = []
    steps = [
        Step(f"{group}{number}", lambda one=(group, number): calls.append(one), group)
        for group in "ab"
        for number in range(5)
    ]
    found = alternate(steps, {"whole": lambda: calls.append("whole")}, 3)
    # Warm-up first, one of each group.
    assert calls[2] == "whole" and len(calls[:2]) == 2
    assert calls.count("whole") == 4
    dealt = [set(share) for share in found.steps]
    assert set().union(*dealt) == {step.name for step in steps}
    assert sum(map(len, dealt)) == len(steps)
    assert all({name[0] for name in share} == {"a", "b"} for share in dealt)
    few = alternate(steps[:1], {"whole": lambda: None}, 3)
    assert [list(share) for share in few.steps] == [["a0"]] * 3


def timings(steps, whole):
    both = [{"wall": one, "cpu": 2 * one} for one in (*steps, *whole)]
    half = len(steps)
    return Rounds(
        [{f"c{n}": one} for n, one in enumerate(both[:half])],
        [{"ours": one} for one in both[half:]],
    )


def test_ratios_are_formed_within_rounds():
    """Two conditions, one timed in each of three rounds; the third round met a slow machine on both sides."""
    ratio = Ratio(
        "x",
        "x faster",
        lambda one: one.all_of(one.steps.keys() | {"z"}) / one.whole["ours"],
        Goal(5),
    )
    found = ratio.measured(timings([1.0, 2.0, 30.0], [0.5, 0.5, 10.0]))
    assert (found["median"], found["low"], found["high"], found["rounds"]) == (6.0, 4.0, 8.0, 3)
    assert found["median_cpu"] == 6.0
    assert found["met"]


def test_all_of_stands_for_conditions_of_other_rounds():
    one = Round({"a": 2.0, "b": 4.0, "c": 100.0}, {})
    assert one.all_of({"a", "b", "d", "e"}) == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [(Goal(25), 25, True), (Goal(25), 24.9, False), (Goal(2, at_least=False), 2.1, False)],
)
def test_goals(goal, value, met):
    assert goal.met(value) is met


def test_peaks():
    """Tensors where they were counted, else what the call adds to the process."""
    plain_, ours = Peak(100, 150, 40), Peak(100, 160, 44)
    assert ours.above(plain_) == 4
    assert ours.times(plain_) == pytest.approx(1.1)
    assert replace(ours, tensors=None).above(plain_) == 10
    assert replace(ours, tensors=None).times(plain_) == pytest.approx(1.2)
    assert largest_sum([(3, -70), (1, 50), (2, 30), (4, 20)]) == 80


def fake_work(agreement):
    return Work(
        "work",
        "other",
        [Step("c", lambda: 1)],
        {"ours": lambda: 2},
        [Ratio("time", "x", lambda one: 4.0, Goal(3), "a note")],
        lambda results: agreement,
        {},
        [PeakRatio("memory", "x", lambda peaks: 1.0)],
    )


def test_a_row_is_met_only_if_results_agree(subject):
    good = measure.measure("fake", fake_work(Agreement(1e-6, 1e-4)), subject, 2)
    assert good["met"] and good["ratios"][0]["met"]
    assert "all goals met" in print_row(good)
    bad = measure.measure("fake", fake_work(Agreement(1e-2, 1e-4)), subject, 2)
    assert bad["ratios"][0]["met"] and not bad["met"]
    assert "DISAGREE" in print_row(bad)


def test_answers_that_part_at_a_tie_agree():
    assert Agreement(0, 1e-4, same=22, answers=24, ties=2).reached
    assert not Agreement(0, 1e-4, same=22, answers=24, ties=1).reached


def test_growth_is_measured_along_each_axis_and_all_is_written_down(subject, tmp_path, monkeypatch):
    """Reports are plain JSON; the document tells of what was run and of what was not."""
    monkeypatch.setitem(WORKS, "fake", lambda _: fake_work(Agreement(0, 1e-4)))
    *_, report = measure_all(TINY, ["fake"], rounds=1, threads=1)
    write_json(report, tmp_path / "bench.json")
    grown = measure_growth(TINY, rounds=1, threads=1)
    axes = {point["axis"] for point in grown["points"]}
    assert axes == {"conditions", "tokens", "layers"}
    assert [point["conditions"] for point in grown["points"][:2]] == [1, 4]
    point = grown["points"][0] | {"conditions": 6, "forward": [2.0, 4.0], "clean run": [1.0]}
    assert seconds(point | {"replay": [0.5]}) == {
        "one forward each": 18.0,
        "replay with its clean run": 1.5,
        "replay alone": 0.5,
    }
    write_json(grown, tmp_path / "bench-growth.json")
    write_document(tmp_path / "bench.md")
    text = (tmp_path / "bench.md").read_text()
    assert "4 x (4 to 4)" in text and "≥ 3" in text and "a note" in text
    assert "**Not run.** No GPU was at hand." in text
    assert (tmp_path / "bench-growth.png").is_file()
    assert json.loads((tmp_path / "bench.json").read_text())["machine"]["torch"]


def test_rows_that_are_measured_again_replace_their_own_alone():
    def report(day: str, torch: str = "2.13.0", rounds: int = 3, **rows: int) -> dict:
        load = {"2026-12-01": 1.3, "2026-12-02": 0.1}[day]
        machine = {"cores": 2, "torch": torch, "date": day, "load_before": load}
        listed = [{"key": key, "seconds": value} for key, value in rows.items()]
        return {"machine": machine, "shape": {"width": 8}, "rounds": rounds, "rows": listed}

    merged = keep_other_rows(report("2026-12-02", lens=5, new=6), report("2026-12-01", a=1, lens=2))
    assert [(row["key"], row["seconds"]) for row in merged["rows"]] == [
        ("a", 1), ("lens", 5), ("new", 6),
    ]  # fmt: skip
    assert merged["machine"]["date"] == "2026-12-01 and 2026-12-02"
    assert merged["machine"]["load_before"] == 1.3
    for other in (report("2026-12-01", "2.12.0", a=1), report("2026-12-01", rounds=5, a=1)):
        with pytest.raises(BenchError, match="another machine, other versions"):
            keep_other_rows(report("2026-12-02", lens=5), other)


def test_what_cannot_be_run_is_refused(monkeypatch):
    with pytest.raises(BenchError, match="no row 'lense'; give some of knockout"):
        next(measure_all(TINY, ["lense"]))
    with pytest.raises(BenchError, match="no shape 'large'"):
        find_shape("large")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BenchError, match="runs on a GPU, and none is at hand"):
        next(measure_all(SHAPES["7b"]))
    with pytest.raises(BenchError, match="none is at hand"):
        measure_growth(SHAPES["7b"])


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_peak_of_a_fresh_process_counts_attention_weights():
    """A call of capture's row, which counts tensors too."""
    command = [sys.executable, "-m", "sightline.bench.fresh_processes", "--work", "capture"]
    command += ["--shape", "tiny", "--threads", "1", "--call", "output_attentions=True"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak = Peak(**json.loads(done.stdout))
    # float32 weights of all layers, heads, queries and keys, which are returned together.
    weights = 4 * TINY.layers * TINY.heads * TINY.length**2
    assert weights < peak.tensors < 4 * weights
    assert peak.total >= peak.before > 0
