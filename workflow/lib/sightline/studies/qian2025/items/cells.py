"""Looking up what was measured and what was printed, by the names that tables use."""

from collections.abc import Mapping, Sequence

import pandas as pd

from sightline.studies.published import find_published, load_published
from sightline.studies.qian2025.resampling import Estimate

STUDY = "qian2025"
RUN_OF = {
    "SESAME": "sesame-7b", "SESAME (authors' run)": "sesame-7b", "LISA-7B": "lisa-7b",
    "READ-7B": "read-7b-test", "READ-7B-LLaVA1.5 (ft)": "read-7b-test",
    "READ-13B-LLaVA1.5 (ft)": "read-13b", "READ": "read-7b-refer",
}  # fmt: skip
"""Row of the paper -> key of the model that stands for it; all others have no checkpoint to run."""
LARGE = "13b"
"""What the key of a model of Table 3 holds."""
PUBLISHED, NOT_RUN, MEASURED = "published", "published, not run", "measured"


class Effects:
    """Measured numbers, in percent.

    Args:
        table: as `sightline.studies.qian2025.effects` writes it.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        names = ["part", "model", "split", "subset", "method", "variant", "metric"]
        self._rows = {
            tuple(map(str, row[:7])): Estimate(*map(float, row[7:10]), int(row[10]))
            for row in table[[*names, "value", "low", "high", "n"]].itertuples(index=False)
        }
        self.models = list(dict.fromkeys(table.loc[table["part"] == "masks", "model"]))
        self.refer_models = list(dict.fromkeys(table.loc[table["part"] == "refer", "model"]))

    def find(
        self, part: str, model: str, split: str, method: str, variant: str, metric: str, subset: str = "all"
    ) -> Estimate | None:  # fmt: skip
        """One number, or None where it was not measured."""
        return self._rows.get((part, model, split, subset, method, variant, metric))

    def best_share(self, model: str, split: str, name: str) -> str:
        """Share of its range at which a map, cut, has the highest cIoU on a split."""
        found = {
            key[5].removeprefix(f"{name}, share "): one.value for key, one in self._rows.items()
            if key[:3] == ("masks", model, split) and key[5].startswith(f"{name}, share ")
            and key[6] == "cIoU"
        }  # fmt: skip
        return max(found, key=found.__getitem__, default="")

    def trained_models(self) -> list[str]:
        """Models whose segmenter was trained in variants."""
        return list(dict.fromkeys(key[1] for key in self._rows if key[0] == "variants"))

    def seeds(self, model: str, variant: str) -> str:
        """Seeds that a variant was trained with, in words; empty where there is none."""
        found = (
            key[3] for key in self._rows
            if (key[0], key[1], key[5]) == ("variants", model, variant)
        )  # fmt: skip
        return next(found, "")

    def names(self, part: str, model: str, place: str) -> list[str]:
        """Splits, methods or variants that a part holds for a model, in the order of the table."""
        at = ("part", "model", "split", "subset", "method", "variant", "metric").index(place)
        return list(
            dict.fromkeys(key[at] for key in self._rows if key[0] == part and key[1] == model)
        )


class Printed:
    """What the paper prints of one table."""

    def __init__(self, item: str) -> None:
        self._item, self._table = item, load_published(STUDY)
        self.models = list(dict.fromkeys(self._table.loc[self._table["item"] == item, "model"]))

    def value(self, model: str, row: str, column: str) -> float | None:
        """One cell; None where it is not known."""
        return find_published(self._table, self._item, model, row, column).value

    def trust(self, model: str) -> str:
        """How far a model's cells can be relied on, in brackets; empty where all were read in the paper itself."""
        known = self._table[
            (self._table["item"] == self._item)
            & (self._table["model"] == model)
            & self._table["value"].notna()
        ]
        doubts = sorted(set(known["trust"]) - {"paper"})
        return f" ({', '.join(doubts)})" if doubts else ""


def published_row(
    printed: Printed, model: str, cells: Mapping[str, tuple[str, str]], run: Sequence[str]
) -> dict[str, object]:
    """A row of the paper, with a word on whether its model was run beside.

    Args:
        printed: the paper's table.
        model: its name there.
        cells: column -> row and column in the paper.
        run: keys of the models that were run.
    """
    status = PUBLISHED if RUN_OF.get(model) in run else NOT_RUN
    return {"model": model, "source": status + printed.trust(model)} | {
        column: printed.value(model, *cell) for column, cell in cells.items()
    }


def measured_rows(
    model: str, found: Mapping[str, Estimate | None], label: str = ""
) -> list[dict[str, object]]:
    """A row of numbers with the queries behind them, and two of their intervals; none where nothing was measured."""
    if all(one is None for one in found.values()):
        return []
    rows = []
    counts = sorted({one.n for one in found.values() if one})
    measured = f"{MEASURED}, n = {' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))}"
    for source, part in ((measured, "value"), ("95 % from", "low"), ("95 % to", "high")):
        rows.append(
            {"model": label or model, "source": source}
            | {column: one and getattr(one, part) for column, one in found.items()}
        )
    return rows
