"""A cut as the replay engine takes it, and which edges between roles it removes; needs no model and no torch."""

from sightline.instruments.interventions import Intervention, Knockout
from sightline.studies.kaduri2025.knockout import conditions
from sightline.studies.kaduri2025.knockout.conditions import Cut

SYSTEM, IMAGE, ASKED, LAST, SAID = "system", "image", "query", "last", "generated"
"""Roles as interventions name them."""


def interventions(cut: Cut) -> tuple[Intervention, ...]:
    """A cut as the replay engine takes it."""
    generated = Knockout("generated", "image", cut.hidden, phase="decoding")
    if cut.variant == conditions.STRICT:
        generated = Knockout(("last", "generated"), "image", cut.hidden)
    query = Knockout("query", "image", cut.hidden, phase="prompt")
    return {
        conditions.GENERATED: (generated,),
        conditions.QUERY: (query,),
        conditions.BOTH: (query, generated),
    }[cut.condition]


def is_cut(knockouts: tuple[Knockout, ...], query: str, key: str) -> bool:
    """Whether a position no longer sees keys of a role.

    Args:
        knockouts: that hold together, as `interventions` gives them.
        query: role of the position that looks: "system", "image", "query", "last" (which is part of the query) or
            "generated".
        key: role of what it looks at.
    """
    own = {query} | ({ASKED} if query == LAST else set())
    phase = "decoding" if query == SAID else "prompt"
    return any(
        bool(own & _roles(one.queries)) and key in _roles(one.keys) and one.phase in (phase, "both")
        for one in knockouts
    )


def _roles(rows: str | tuple[str | int, ...]) -> set[str | int]:
    return {rows} if isinstance(rows, str) else set(rows)
