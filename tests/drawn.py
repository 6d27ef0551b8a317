"""Random conditions, drawn by hypothesis."""

from hypothesis import strategies as st

from by_hand import all_roles
from sightline.instruments.interventions import (
    PHASES,
    Condition,
    Intervention,
    KeepKeys,
    Knockout,
    ReplaceTokens,
    Rescale,
)
from sightline.models.prompts import Prompt

LAYERS, HEADS, TOKENS = 4, 4, 16


def some(size: int, at_least: int = 1) -> st.SearchStrategy[tuple[int, ...]]:
    """A few indices below ``size``, each once."""
    indices = st.lists(st.integers(0, size - 1), min_size=at_least, max_size=size, unique=True)
    return indices.map(tuple)


def rows(prompt: Prompt) -> st.SearchStrategy:
    """A role, or a few roles and positions."""
    part = st.one_of(st.sampled_from(all_roles(prompt)), st.integers(0, len(prompt) - 1))
    parts = st.lists(part, min_size=1, max_size=4, unique=True).map(tuple)
    return st.one_of(st.sampled_from(all_roles(prompt)), parts)


@st.composite
def intervention(draw: st.DrawFn, prompt: Prompt) -> Intervention:
    """One of any kind; it may be refused on this prompt."""
    kind = draw(st.sampled_from([Knockout, Knockout, Rescale, KeepKeys, ReplaceTokens]))
    if kind is ReplaceTokens:
        tokens = draw(some(TOKENS))
        others = st.lists(
            st.integers(0, TOKENS - 1), min_size=len(tokens), max_size=len(tokens)
        ).map(tuple)
        by = draw(st.one_of(st.sampled_from(["zeros", "mean", "given", "noise"]), others))
        return ReplaceTokens(tokens, by)
    place = {
        "queries": draw(rows(prompt)),
        "layers": draw(st.one_of(st.just("all"), some(LAYERS))),
        "heads": draw(st.one_of(st.none(), some(HEADS))),
        "phase": draw(st.sampled_from(PHASES)),
    }
    if kind is KeepKeys:
        count = LAYERS if place["layers"] == "all" else len(place["layers"])
        each = st.lists(some(TOKENS, 0), min_size=count, max_size=count).map(tuple)
        return KeepKeys(keep=draw(st.one_of(some(TOKENS, 0), each)), **place)
    if kind is Rescale:
        return Rescale(keys=draw(rows(prompt)), factor=draw(st.floats(0.05, 20)), **place)
    return Knockout(keys=draw(rows(prompt)), **place)


def condition(prompt: Prompt, name: str = "drawn") -> st.SearchStrategy[Condition]:
    """Up to three interventions together; the prompt may not allow them."""
    parts = st.lists(intervention(prompt), max_size=3).map(tuple)
    return parts.map(lambda found: Condition(name, found))
