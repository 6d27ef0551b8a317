"""One claim of a paper and what became of it: a row of the scorecard."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from sightline.errors import SightlineError
from sightline.files import write_csv
from sightline.studies.published import UNKNOWN

REPLICATED = "replicated"
NOT_REPLICATED = "not replicated"
INCONCLUSIVE = "inconclusive"
NOT_RUN = "not run"
VERDICTS = (REPLICATED, NOT_REPLICATED, INCONCLUSIVE, NOT_RUN)


class ClaimError(SightlineError):
    """A claim or a file of claims breaks the scorecard's form."""


@dataclass(frozen=True)
class Claim:
    """One row of the scorecard.

    Attributes:
        study: key of the study, such as neo2025.
        claim: id of the claim within the study, such as C1.
        statement: the claim in own words.
        item: figure, table or number that carries it, such as tab1.
        metric: what ``reproduced`` measures, with its unit.
        published: the paper's number, or its words ("over 70"); None where unknown.
        published_source: where that was read.
        reproduced: the number of this run; None if not run.
        ci_low: lower end of its 95 % interval.
        ci_high: upper end.
        n: measurements behind it.
        model: key of the model.
        dataset: data it was measured on.
        variant: "corrected", "as published", or another name of the protocol's variant.
        criterion: what the verdict judges; for "not run" what is needed to run it.
        verdict: one of VERDICTS.
    """

    study: str
    claim: str
    statement: str
    item: str
    metric: str
    published: float | str | None
    published_source: str
    reproduced: float | None
    ci_low: float | None
    ci_high: float | None
    n: int | None
    model: str
    dataset: str
    variant: str
    criterion: str
    verdict: str

    @classmethod
    def not_run(
        cls,
        *,
        study: str,
        claim: str,
        statement: str,
        item: str,
        metric: str,
        model: str,
        dataset: str,
        variant: str,
        need: str,
    ) -> "Claim":
        """A row without numbers; ``need`` says what would give it some."""
        return cls(
            study, claim, statement, item, metric, None, "", None, None, None, None, model, dataset,
            variant, need, NOT_RUN,
        )  # fmt: skip

    def __post_init__(self) -> None:
        """Turn NaN into None and refuse a row that says more, or less, than was found.

        Raises:
            ClaimError: names the claim and the column.
        """
        for column in ("published", "reproduced", "ci_low", "ci_high", "n"):
            value = getattr(self, column)
            # Measurements arrive from tables, where what is missing is NaN.
            if isinstance(value, float) and math.isnan(value):
                object.__setattr__(self, column, None)
        name = f"{self.study or '?'} {self.claim or '?'}"
        for column in ("study", "claim", "statement", "item", "metric", "criterion"):
            if not getattr(self, column):
                raise ClaimError(f"{name}: {column} is empty.")
        if self.verdict not in VERDICTS:
            raise ClaimError(f"{name}: verdict {self.verdict!r} is none of {', '.join(VERDICTS)}.")
        judged = self.verdict in (REPLICATED, NOT_REPLICATED)
        if judged and (self.reproduced is None or self.n is None):
            raise ClaimError(
                f"{name}: the verdict {self.verdict!r} needs reproduced and n; "
                f"without them it is {NOT_RUN!r} or {INCONCLUSIVE!r}."
            )
        if (self.ci_low is None) != (self.ci_high is None):
            raise ClaimError(f"{name}: give both of ci_low and ci_high, or none.")
        if self.ci_low is not None and self.ci_low > self.ci_high:
            raise ClaimError(f"{name}: ci_low {self.ci_low} lies above ci_high {self.ci_high}.")


COLUMNS = tuple(field.name for field in fields(Claim))
TEXTS = tuple(field.name for field in fields(Claim) if field.type is str)
# What tells two rows of one scorecard apart.
KEY = ("study", "claim", "item", "metric", "model", "dataset", "variant")


def short_number(value: float | str | None, missing: str) -> str:
    """A number to four significant digits, words as they are, ``missing`` for None."""
    if value is None:
        return missing
    return value if isinstance(value, str) else f"{value:.4g}"


def claims_frame(claims: Iterable[Claim]) -> pd.DataFrame:
    """Claims as text cells, COLUMNS in order: numbers to eight digits, unknowns as ``unknown``.

    Raises:
        ClaimError: two rows have the same KEY.
    """
    claims = list(claims)
    counts = Counter(tuple(getattr(claim, column) for column in KEY) for claim in claims)
    for key, count in counts.items():
        if count > 1:
            raise ClaimError(f"{' '.join(key)}: {count} rows for one claim; tell them apart.")
    rows = [{column: _cell(claim, column) for column in COLUMNS} for claim in claims]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=str)


def write_claims(claims: Iterable[Claim], path: Path | str) -> None:
    """Write a CSV of claims, in the order given."""
    write_csv(claims_frame(claims), path)


def read_claims(path: Path | str) -> list[Claim]:
    """Read a CSV of claims and check every row.

    Raises:
        ClaimError: names the file, and the line or column at fault.
    """
    path = Path(path)
    if not path.exists():
        raise ClaimError(f"{path} is missing; run the step that judges this study's claims.")
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise ClaimError(f"{path}: {error}.") from None
    if tuple(frame.columns) != COLUMNS:
        raise ClaimError(
            f"{path}: columns are {','.join(frame.columns)}, expected {','.join(COLUMNS)}."
        )
    claims = []
    for line, row in enumerate(frame.to_dict("records"), start=2):
        try:
            claims.append(_claim(row))
        except (ClaimError, ValueError) as error:
            raise ClaimError(f"{path} line {line}: {error}") from None
    return claims


def _claim(row: dict[str, str]) -> Claim:
    published: float | str | None = row["published"]
    if published in ("", UNKNOWN):
        published = None
    else:
        try:
            published = float(row["published"])
        except ValueError:
            pass
    numbers = {
        column: float(row[column]) if row[column] else None
        for column in ("reproduced", "ci_low", "ci_high")
    }
    return Claim(
        **{column: row[column] for column in TEXTS},
        **numbers,
        published=published,
        n=int(row["n"]) if row["n"] else None,
    )


def _cell(claim: Claim, column: str) -> str:
    value = getattr(claim, column)
    if isinstance(value, str):
        return value
    if value is None:
        return UNKNOWN if column == "published" else ""
    return str(int(value)) if column == "n" else f"{value:.8g}"
