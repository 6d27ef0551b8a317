"""Interventions as data: what a condition changes, said by role, and written into specs as JSON.

A condition is a name and a few interventions that hold together. Interventions on attention name edges
(query rows x key rows x layers, optionally heads); what they do to such an edge adds up: weights are
multiplied, and one that is cut stays cut. Nothing here knows a model: `sightline.instruments.edges`
resolves a condition against one prompt and refuses what cannot be.

Rows are named by role, by position in the prompt (counted from its first token), or by a tuple of both. Positions and
indices may come as arrays, such as those of a prompt's roles.

system          text before the image
image           image tokens, row-major
query           text of the prompt after the image
last            the prompt's last position, from which the first new token is predicted; part of query
last_image_row  the last row of the image-token grid; of the last tile, where there are several
generated       new tokens
text            all but the image: system, query and generated
all             everything
"""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from numbers import Real
from typing import Any, ClassVar, Literal, TypeAlias

from sightline.errors import SightlineError
from sightline.models.roles import ROLES

Rows: TypeAlias = str | tuple[str | int, ...]
Layers: TypeAlias = Literal["all"] | tuple[int, ...]
Phase: TypeAlias = Literal["prompt", "decoding", "both"]

PHASES = ("prompt", "decoding", "both")
ALL = "all"
ZEROS, MEAN = "zeros", "mean"


class InterventionError(SightlineError):
    """An intervention that says nothing, or nothing that can be done to this model and prompt."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known names, the most similar one first: the end of an error message."""
    known = list(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(known)}."


@dataclass(frozen=True)
class Intervention:
    """What all interventions share: the way to JSON and back.

    Attributes:
        kind: names the class in JSON.
    """

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """Plain values with a key ``kind``; equal interventions give equal values."""
        return {"kind": self.kind} | {
            field.name: _plain(getattr(self, field.name)) for field in fields(self)
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Intervention":
        """The intervention that ``to_json`` wrote.

        Raises:
            InterventionError: unknown kind or key, missing key, or a value out of place.
        """
        if not isinstance(values, Mapping) or "kind" not in values:
            raise InterventionError(f"intervention {values!r}: expected a mapping with a key kind.")
        kind = values["kind"]
        if kind not in KINDS:
            raise InterventionError(f"intervention: no kind {kind!r}; {nearest(kind, KINDS)}")
        names = {field.name: field for field in fields(KINDS[kind])}
        for key in set(values) - {"kind"}:
            if key not in names:
                raise InterventionError(f"{kind}: no key {key!r}; {nearest(key, names)}")
        for name, field in names.items():
            if field.default is MISSING and name not in values:
                raise InterventionError(f"{kind}: key {name!r} is missing; give it.")
        return KINDS[kind](**{name: values[name] for name in names if name in values})

    def _refuse(self, why: str) -> None:
        raise InterventionError(f"{self.kind}: {why}")

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _rows(self, name: str) -> Rows:
        """Check rows, lists and arrays made tuples."""
        rows = getattr(self, name)
        parts = [rows] if isinstance(rows, str) else _listed(rows)
        if not parts:
            self._refuse(f"{name}={rows!r}; give a role, or one or more roles and positions.")
        for part in parts:
            if isinstance(part, str) and part not in ROLES:
                self._refuse(f"{name}: no role {part!r}; {nearest(part, ROLES)}")
            if not isinstance(part, str) and not _is_index(part):
                self._refuse(f"{name}: {part!r} is neither a role nor a position of 0 or more.")
        if len(set(parts)) < len(parts):
            self._refuse(f"{name}={rows!r} names the same rows twice; name them once.")
        if isinstance(rows, str):
            return rows
        return tuple(part if isinstance(part, str) else int(part) for part in parts)

    def _indices(self, name: str, value: Any, may_be_empty: bool = False) -> tuple[int, ...]:
        if isinstance(value, str) or not isinstance(value, Iterable) or not _is_flat(value):
            self._refuse(f"{name}={value!r}; give a list of indices counted from 0.")
        # Elements of tensors are told apart by where they are kept, and those of masks pass for 0 and 1.
        indices = tuple(value.tolist() if hasattr(value, "tolist") else value)
        if not may_be_empty and not indices:
            self._refuse(f"{name} is empty; give at least one, or leave the intervention out.")
        for index in indices:
            if not _is_index(index):
                self._refuse(f"{name}: {index!r} is not an index; count from 0.")
        if len(set(indices)) < len(indices):
            self._refuse(f"{name}={indices} holds a duplicate; give each once.")
        return tuple(int(index) for index in indices)


@dataclass(frozen=True)
class AttentionIntervention(Intervention):
    """What all interventions on attention share: the checks of where they act."""

    def _check_place(self) -> None:
        every = isinstance(self.layers, str) and self.layers == ALL
        layers = ALL if every else self._indices("layers", self.layers)
        heads = None if self.heads is None else self._indices("heads", self.heads)
        self._set(layers=layers, heads=heads, queries=self._rows("queries"))
        if self.phase not in PHASES:
            self._refuse(f"no phase {self.phase!r}; {nearest(self.phase, PHASES)}")


@dataclass(frozen=True)
class Knockout(AttentionIntervention):
    """Attention from query rows to key rows is removed; what is left is renormalised.

    A row's edge to itself is removed too where both name it; a row must keep some key.

    Attributes:
        queries: rows that no longer see the keys.
        keys: rows they no longer see.
        layers: counted from 0, or "all".
        heads: counted from 0; None for all of them.
        phase: "prompt" for query rows of the prompt, "decoding" for new tokens, or "both". The first new token
            is predicted by the prompt's last row: to block it too, name ("last", "generated").

    Source: neo2025 section 3.6, kaduri2025 section 3.1.
    """

    kind: ClassVar[str] = "knockout"
    queries: Rows
    keys: Rows
    layers: Layers
    heads: tuple[int, ...] | None = None
    phase: Phase = "both"

    def __post_init__(self) -> None:
        self._check_place()
        self._set(keys=self._rows("keys"))


@dataclass(frozen=True)
class Rescale(AttentionIntervention):
    """Attention weights from query rows to key rows are multiplied before they are normalised.

    Attributes:
        queries: rows whose attention changes.
        keys: rows they see more or less of.
        layers: counted from 0, or "all".
        factor: more than 0; what removes an edge is a knockout.
        heads: counted from 0; None for all of them.
        phase: as in `Knockout`.
    """

    kind: ClassVar[str] = "rescale"
    queries: Rows
    keys: Rows
    layers: Layers
    factor: float
    heads: tuple[int, ...] | None = None
    phase: Phase = "both"

    def __post_init__(self) -> None:
        self._check_place()
        self._set(keys=self._rows("keys"))
        if not _is_number(self.factor) or not 0 < self.factor < math.inf:
            self._refuse(f"factor {self.factor!r}; give a number above 0, or use a knockout.")
        self._set(factor=float(self.factor))


@dataclass(frozen=True)
class KeepKeys(AttentionIntervention):
    """Of certain keys the query rows see only a few, which may differ from layer to layer.

    The kept keys stay where they are, with their own rotary positions.

    Attributes:
        queries: rows that see less.
        keep: indices into ``among`` counted from 0, so image tokens by default: one tuple for all layers, or
            one tuple for each of ``layers``. An empty tuple keeps none.
        layers: counted from 0, or "all".
        among: rows of the prompt of which only the kept ones are seen; others are seen as before.
        heads: counted from 0; None for all of them.
        phase: as in `Knockout`.

    Source: kaduri2025 section 3.4.
    """

    kind: ClassVar[str] = "keep_keys"
    queries: Rows
    keep: tuple[int, ...] | tuple[tuple[int, ...], ...]
    layers: Layers
    among: Rows = "image"
    heads: tuple[int, ...] | None = None
    phase: Phase = "both"

    def __post_init__(self) -> None:
        self._check_place()
        self._set(among=self._rows("among"))
        axes = getattr(self.keep, "ndim", 1 if isinstance(self.keep, Sequence) else 0)
        if isinstance(self.keep, str) or axes not in (1, 2):
            self._refuse(f"keep={self.keep!r}; give indices, or indices for each layer.")
        if any(isinstance(one, Iterable) and _is_flat(one) for one in self.keep):
            self._set(keep=tuple(self._indices("keep", one, True) for one in self.keep))
            if self.layers != ALL and len(self.keep) != len(self.layers):
                self._refuse(
                    f"keep has {len(self.keep)} sets for {len(self.layers)} layers; "
                    "give one for each, or one set for all."
                )
        else:
            self._set(keep=self._indices("keep", self.keep, True))

    @classmethod
    def per_layer(
        cls, queries: Rows, keep: Mapping[int, Sequence[int]], **others: Any
    ) -> "KeepKeys":
        """The same from a mapping of layers to what is kept in them."""
        layers = tuple(sorted(keep))
        return cls(queries, tuple(tuple(keep[layer]) for layer in layers), layers, **others)

    def kept(self, place: int) -> tuple[int, ...]:
        """What is kept in the layer at that place in ``layers``."""
        one_for_each = bool(self.keep) and isinstance(self.keep[0], tuple)
        return self.keep[place] if one_for_each else self.keep


@dataclass(frozen=True)
class ReplaceTokens(Intervention):
    """Image tokens are replaced before they enter the language model.

    Attributes:
        tokens: image-token indices, row-major.
        by: "zeros"; "mean", over the image's own tokens; the name of a vector that the caller gives, (width,) or
            (tokens, width) with one row for each image token; or the indices of other image tokens, one for
            each of ``tokens``.

    Source: neo2025 section 3.1.
    """

    kind: ClassVar[str] = "replace_tokens"
    tokens: tuple[int, ...]
    by: str | tuple[int, ...]

    def __post_init__(self) -> None:
        self._set(tokens=self._indices("tokens", self.tokens))
        if isinstance(self.by, str):
            if not self.by:
                self._refuse("by is empty; give zeros, mean, or the name of a vector.")
            return
        by = _listed(self.by)
        if by is None or not all(_is_index(one) for one in by):
            self._refuse(f"by={self.by!r}; give a name, or indices of other tokens.")
        self._set(by=tuple(int(one) for one in by))
        if len(self.by) != len(self.tokens):
            self._refuse(
                f"{len(self.tokens)} tokens but {len(self.by)} to replace them by; give one each."
            )


KINDS: dict[str, type[Intervention]] = {
    one.kind: one for one in (Knockout, Rescale, KeepKeys, ReplaceTokens)
}


@dataclass(frozen=True)
class Condition:
    """Interventions that hold together, under a name; with none of them, the clean run.

    Attributes:
        name: in results and messages.
        interventions: in any order: the outcome does not depend on it.
    """

    name: str
    interventions: tuple[Intervention, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InterventionError(f"condition {self.name!r}: give a name.")
        one = self.interventions
        parts = (one,) if isinstance(one, Intervention) else tuple(one)
        for number, part in enumerate(parts, start=1):
            if not isinstance(part, Intervention):
                raise InterventionError(
                    f"condition {self.name!r}, intervention {number}: {part!r} is none."
                )
        object.__setattr__(self, "interventions", parts)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the spec of a cache."""
        return {"name": self.name, "interventions": [one.to_json() for one in self.interventions]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Condition":
        """The condition that ``to_json`` wrote.

        Raises:
            InterventionError: a key is unknown or missing, or an intervention is none.
        """
        if not isinstance(values, Mapping):
            raise InterventionError(f"condition {values!r}: expected a mapping.")
        known = {"name", "interventions"}
        for key in [*sorted(set(values) - known), *sorted(known - set(values))]:
            state = "is missing; give it." if key in known else f"is none; {nearest(key, known)}"
            raise InterventionError(f"condition {values.get('name')!r}: key {key!r} {state}")
        return cls(values["name"], tuple(map(Intervention.from_json, values["interventions"])))


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _listed(value: Any) -> list[Any] | None:
    """The members of a sequence or of an array with one axis; None for what is neither."""
    known = isinstance(value, Sequence) or hasattr(value, "ndim")
    return list(value) if known and _is_flat(value) else None


def _is_flat(value: Any) -> bool:
    return getattr(value, "ndim", 1) == 1


def _is_index(value: Any) -> bool:
    # numpy integers count as integers; True does not.
    return hasattr(value, "__index__") and not isinstance(value, bool) and value.__index__() >= 0


def _is_number(value: Any) -> bool:
    # numpy's numbers count as numbers.
    return isinstance(value, Real) and not isinstance(value, bool)
