"""From features with a planted answer to cells, measures and verdicts."""

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from khajuria2025_fakes import write_features
from sightline.studies.claims import INCONCLUSIVE, NOT_RUN, REPLICATED, read_claims
from sightline.studies.khajuria2025.features import Features
from sightline.studies.khajuria2025.names import AVG_OBJ, CLS, PRIMARY, RANDOM, SECONDARY
from sightline.studies.khajuria2025.probes import claims as claims_module
from sightline.studies.khajuria2025.probes.captioned import global_cells
from sightline.studies.khajuria2025.probes.decode import decode_all, image_rows, schemes
from sightline.studies.khajuria2025.probes.decoding import solver
from sightline.studies.khajuria2025.probes.global_probe import decode_global
from sightline.studies.khajuria2025.probes.global_probe import image_rows as object_rows
from sightline.studies.khajuria2025.probes.measurements import (
    AS_PUBLISHED,
    COLUMNS,
    CORRECTED,
    IMAGE,
    IMAGE_COLUMNS,
    IN_CAPTION,
    LOGISTIC,
    MLP,
    PERCEPTRON,
    REDRAWN,
    SWAPPED,
    WHOLE,
    ProbeFileError,
    read_decoding,
    unpack,
)
from sightline.studies.khajuria2025.probes.measures import (
    GAP,
    M1,
    M2,
    M2_CORRECTED,
    PAIR_COLUMNS,
    measure,
    pair_cells,
)
from sightline.studies.khajuria2025.probes.measures import main as write_measures
from sightline.studies.khajuria2025.probes.problems import ProbeError, Problem
from sightline.studies.khajuria2025.probes.resampling import (
    CellError,
    Cells,
    Estimate,
    ImageWeights,
)
from sightline.studies.khajuria2025.probes.roster import Roster, RosterError
from sightline.studies.khajuria2025.probes.settings import ProbeSettings
from sightline.studies.khajuria2025.probes.shuffling import class_seeds, shuffle_step
from sightline.studies.khajuria2025.probes.splits import (
    balance,
    folds,
    match_classes,
    published_split,
)
from sightline.studies.protocols import ProtocolError

ENCODERS = ("contrastive-s0", "classification-s0")
SETTINGS = ProbeSettings(seed=0, folds=3, caption_samples=15, bootstrap=100)
ROSTER = [
    {"key": "contrastive-s0", "objective": "contrastive 0.5", "family": "clip"},
    {"key": "classification-s0", "objective": "classification", "stands_for": "vit"},
    {"key": "untrained", "objective": "random", "weights": "random"},
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features of two encoders and everything decoded from them."""
    folder = tmp_path_factory.mktemp("probes")
    for seed, name in enumerate(ENCODERS):
        write_features(folder / "features" / name, bare=("shift_1", "equal_grid"), seed=seed)
        features = Features(folder / "features" / name)
        for kind, rows, columns in (
            ("decoding", decode_all(features, SETTINGS, "cpu"), COLUMNS),
            ("images", image_rows(features, SETTINGS), IMAGE_COLUMNS),
            ("global", decode_global(features, SETTINGS, "cpu"), COLUMNS),
            ("objects", object_rows(features, SETTINGS), IMAGE_COLUMNS),
        ):
            (folder / kind).mkdir(exist_ok=True)
            frame = pd.DataFrame(rows, columns=list(columns))
            frame.to_parquet(folder / kind / f"{name}.parquet")
    (folder / "settings.json").write_text(
        json.dumps({"seed": 0, "folds": 3, "caption_samples": 15, "bootstrap": 100})
    )
    (folder / "roster.json").write_text(json.dumps(ROSTER))
    return folder


def read(root: Path, kind: str) -> pd.DataFrame:
    """All rows of a kind."""
    return pd.concat([pd.read_parquet(root / kind / f"{name}.parquet") for name in ENCODERS])


def options(root: Path, out: Path | None = None) -> Namespace:
    """Of judging the claims."""
    files = {
        "decoding": "decoding", "images": "images", "global_probe": "global",
        "global_images": "objects",
    }  # fmt: skip
    paths = {
        option: [root / kind / f"{name}.parquet" for name in ENCODERS]
        for option, kind in files.items()
    }
    return Namespace(
        **paths, tests=[], settings=root / "settings.json", roster=root / "roster.json",
        model="encoders", dataset_name="made up", out=out,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cells(root: Path) -> dict[str, Cells]:
    """Cells of all variants."""
    return pair_cells(read(root, "decoding"), read(root, "images"), SETTINGS)


def test_balancing_makes_labels_independent():
    """Of each secondary class as many with one primary as with the other; every draw reads alike."""
    generator = np.random.default_rng(0)
    first, second = generator.integers(2, size=200), generator.integers(4, size=200)
    one, other = (balance(first, second, np.random.default_rng(seed)) for seed in (0, 1))
    table = pd.crosstab(first[one], second[one])
    assert (table.loc[0] == table.loc[1]).all()
    assert (first[one] == first[other]).all() and (second[one] == second[other]).all()
    assert (one != other).any()


def test_published_split_is_that_of_the_authors():
    """A tenth tested, a tenth of the rest held out, seed 42, as scikit-learn splits."""
    from sklearn.model_selection import train_test_split

    labels = np.arange(200) % 4
    learnt, test = published_split(labels, 0.1)
    rest, expected = train_test_split(
        np.arange(200), test_size=0.1, random_state=42, stratify=labels
    )
    assert sorted(np.flatnonzero(test)) == sorted(expected)
    assert (learnt.sum(), test.sum()) == (162, 20)
    assert not (learnt & test).any() and set(np.flatnonzero(learnt)) <= set(rest)


def test_folds_leave_every_row_out_once():
    masks = np.array(list(folds(np.arange(60) % 3, 5, seed=0)))
    assert ((~masks).sum(0) == 1).all()
    with pytest.raises(ProbeError, match="1 rows of one class for 5 folds"):
        list(folds(np.array([0, 0, 0, 0, 0, 1]), 5, seed=0))


def test_matched_sets_hold_as_many_of_each_class():
    labels, flags = np.arange(120) % 3, np.arange(120) % 5 == 0
    sets = match_classes(labels, flags, np.random.default_rng(0))
    assert flags[sets[0]].all() and not flags[sets[1]].any()
    assert (np.bincount(labels[sets[0]]) == np.bincount(labels[sets[1]])).all()


def test_shuffling_follows_one_permutation():
    """Every class its own order; the step is a permutation and not the identity."""
    assert len(set(class_seeds(8, 0))) == 8
    assert class_seeds(4, 0) == class_seeds(8, 0)[:4]
    step = shuffle_step(50, 12345)
    assert sorted(step) == list(range(50)) and (step != np.arange(50)).any()


def test_each_variant_is_decoded_its_way(root: Path):
    rows = read(root, "decoding")
    kinds = rows.groupby("variant")["probe"].unique().map(list).to_dict()
    assert kinds == {
        CORRECTED: [LOGISTIC], AS_PUBLISHED: [PERCEPTRON], REDRAWN: [LOGISTIC],
        SWAPPED: [LOGISTIC], "shift_1": [LOGISTIC], "equal_grid": [LOGISTIC],
    }  # fmt: skip
    whole = rows[rows["subset"] == WHOLE]
    # Everything is tested once, or a tenth; CLS is there once and not per object.
    tested = whole.groupby("variant")["n"].unique().map(list).to_dict()
    assert (tested[CORRECTED], tested[AS_PUBLISHED]) == ([240], [24])
    assert set(whole.loc[whole["representation"] == CLS, "source"]) == {IMAGE}
    assert set(rows.loc[rows["subset"] == IN_CAPTION, "target"]) == {PRIMARY, SECONDARY}


def test_a_coarser_grid_is_decoded_where_no_defect_is(root: Path):
    """It is a comparison that claims rest on, and its measures reach them."""
    features = Features(root / "features" / ENCODERS[0])
    names = [one.variant for one in schemes(features, replace(SETTINGS, defect_encoders=()))]
    assert "equal_grid" in names and "shift_1" not in names
    corrected, published = claims_module.gather(options(root))
    assert set(corrected.equal_grid) == set(ENCODERS) and not published.equal_grid


def test_bits_say_what_the_accuracy_says(root: Path):
    row = read(root, "decoding").iloc[7]
    tested, correct = (unpack(row[name], row["images"]) for name in ("tested", "correct"))
    assert (tested.sum(), correct.sum() / tested.sum()) == (row["n"], row["accuracy"])
    assert not (correct & ~tested).any()


def test_planted_answers_are_found(cells: dict[str, Cells]):
    """Own label strong in the object's tokens and CLS weak for the secondary, growing with depth."""
    here = cells[CORRECTED]
    key = ("contrastive-s0", 2)
    own = here.cell(*key, AVG_OBJ, SECONDARY, SECONDARY)
    assert own.value > 0.9 > here.cell(*key, CLS, IMAGE, SECONDARY).value
    assert here.cell(*key, CLS, IMAGE, PRIMARY).value > 0.9
    assert here.cell(*key, RANDOM, PRIMARY, PRIMARY).value < 0.8
    assert here.cell("contrastive-s0", 0, AVG_OBJ, SECONDARY, SECONDARY).value < own.value
    low, high = own.interval
    assert low <= own.value <= high and own.n == 480
    assert here.baseline(*key, AVG_OBJ, PRIMARY, PRIMARY) == 0.5
    with pytest.raises(CellError, match="was not measured"):
        here.cell("nobody", 0, AVG_OBJ, PRIMARY, PRIMARY)


def test_differences_are_paired(cells: dict[str, Cells]):
    """The same images in both: the difference of a cell to itself has no width."""
    one = cells[CORRECTED].cell("contrastive-s0", 2, AVG_OBJ, PRIMARY, PRIMARY)
    assert (one - one).interval == (0, 0)
    half = one * 0.5
    pooled = cells[CORRECTED].over_seeds({"a-s0": one, "a-s1": half})
    assert pooled.value == pytest.approx(0.75 * one.value)
    assert (pooled - cells[CORRECTED].over_seeds({"a-s1": half, "a-s0": one})).interval == (0, 0)


def test_seeds_of_two_objectives_have_nothing_to_do_with_each_other(cells: dict[str, Cells]):
    """Were they drawn together, the second of both always with the second, all would rise and fall as one."""
    one = cells[CORRECTED].cell("contrastive-s0", 2, AVG_OBJ, PRIMARY, PRIMARY)
    fixed = [Estimate(value, np.full(len(one.draws), value), one.n) for value in (0.0, 1.0)]
    first, second = (
        cells[CORRECTED].over_seeds({f"{name}-s{seed}": part for seed, part in enumerate(fixed)})
        for name in ("contrastive", "captioning")
    )
    assert set(first.draws) == set(second.draws) == {0, 0.5, 1}
    assert abs(np.corrcoef(first.draws, second.draws)[0, 1]) < 0.3


def test_image_weights_belong_to_the_image():
    weights = ImageWeights(50, seed=3)
    both = weights.of([5, 9])
    assert (ImageWeights(50, seed=3).of([9])[:, 0] == both[:, 1]).all()
    assert both.mean() == pytest.approx(1, abs=0.3)


def test_measures_are_read_at_the_best_layer(root: Path, cells: dict[str, Cells]):
    probes = global_cells(read(root, "global"), read(root, "objects"), SETTINGS)
    one = measure(cells[CORRECTED], probes[CORRECTED], "contrastive-s0")
    layer, found = one.layer, one.measures
    assert layer == 2 and found[M1].value > 0.9
    ratio = found["A_sp"].value / found["A_pp"].value
    assert found[M2].value == pytest.approx(ratio)
    assert found[M2_CORRECTED].value == pytest.approx(
        (found["A_sp"].value - 0.5) / (found["A_pp"].value - 0.5)
    )
    assert GAP in found
    # As published, a name of two words is never in a caption.
    objects = read(root, "objects")
    two = objects["label"] == 4
    published = objects["variant"] == AS_PUBLISHED
    assert not objects.loc[two & published, "in_caption_published"].any()
    assert objects.loc[two & ~published, "in_caption"].any()


def test_command_writes_measures_of_every_variant(root: Path, tmp_path: Path):
    """Two encoders are too few for a correlation: that table has no rows."""
    asked = options(root, tmp_path / "measures.csv")
    asked.correlations = tmp_path / "correlations.csv"
    write_measures(asked)
    found = pd.read_csv(asked.out)
    best = found.query(f"encoder == 'contrastive-s0' and measure == {M1!r}")
    assert set(best["variant"]) == set(read(root, "decoding")["variant"])
    assert (best.query(f"variant in {[CORRECTED, AS_PUBLISHED]}")["value"] > 0.9).all()
    pairs = pd.read_csv(asked.correlations)
    assert pairs.empty and pairs.columns.tolist() == list(PAIR_COLUMNS)


def test_roster_knows_controls_and_rates():
    roster = Roster.build([*ROSTER, {"key": "apart", "objective": "x", "attention": "token"}])
    assert roster.trained == ["contrastive-s0", "classification-s0"]
    assert roster["contrastive-s0"].rate == 0.5
    assert roster.independent == ["apart"]
    with pytest.raises(RosterError, match="'vitt' was not published"):
        Roster.build([{"key": "a", "stands_for": "vitt"}])


def test_settings_refuse_what_they_do_not_know():
    with pytest.raises(ProtocolError, match=r"probes\.fold: unknown"):
        ProbeSettings.parse({"seed": 0, "fold": 3})
    assert ProbeSettings.parse({"seed": 0, "mlp_encoders": ["a"]}).mlp_encoders == ("a",)


def test_files_of_other_columns_are_refused(root: Path, tmp_path: Path):
    read(root, "images").to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ProbeFileError, match="--forcerun decode_pairs"):
        read_decoding([tmp_path / "x.parquet"])


def test_every_claim_has_a_row_per_variant(root: Path, tmp_path: Path):
    out = tmp_path / "claims.csv"
    claims_module.main(options(root, out))
    rows = read_claims(out)
    keys = {(row.claim, row.variant) for row in rows}
    assert keys == {(c, v) for c in claims_module.STATEMENTS for v in (CORRECTED, AS_PUBLISHED)}
    found = {(row.claim, row.variant): row for row in reversed(rows)}
    assert found["A2", CORRECTED].verdict == REPLICATED
    numbers = [row for row in rows if (row.claim, row.variant) == ("A2", CORRECTED)][1:]
    assert found["A2", CORRECTED].metric == f"numbers that meet the criterion, of {len(numbers)}"
    assert found["A2", CORRECTED].reproduced == len(numbers)
    assert min(row.ci_low for row in numbers) > 0.3
    # A tenth of 480 images is 48; a handful of encoders decides no correlation.
    assert found["A2", AS_PUBLISHED].n == 48
    assert found["B3", CORRECTED].verdict == NOT_RUN
    assert {found[c, CORRECTED].verdict for c in ("A4", "A5", "A6", "B6")} == {NOT_RUN}
    assert found["A3", CORRECTED].verdict == INCONCLUSIVE


class _OnCard:
    """Features on a GPU, as far as numpy knows them: it takes none that are not on the CPU."""

    def __init__(self, values: torch.Tensor) -> None:
        self._values = values

    def cpu(self) -> torch.Tensor:
        return self._values

    def numpy(self) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy.")


def test_mlp_takes_features_from_a_gpu():
    """scikit-learn fits on the CPU, whatever device the other probes use."""
    values = torch.randn(2, 12, 3, generator=torch.Generator().manual_seed(0))
    train = np.arange(12) < 8
    problem = Problem(np.arange(12) % 2, train)
    solve = solver(MLP, SETTINGS)
    on_card, on_cpu = solve(_OnCard(values), [problem]), solve(values, [problem])
    assert on_card[0].shape == (2, 12)
    assert (on_card[0] == on_cpu[0]).all()


def test_mlp_looks_at_what_it_is_told_to(tmp_path: Path):
    write_features(tmp_path / "one")
    features = Features(tmp_path / "one")
    settings = ProbeSettings(
        seed=0, mlp_encoders=("one",), mlp_layers=2, mlp_tasks=1, caption_samples=1000
    )
    (scheme,) = [one for one in schemes(features, settings) if one.probe == MLP]
    assert (list(scheme.layers), scheme.tasks, scheme.variant) == ([0, 2], 1, AS_PUBLISHED)
