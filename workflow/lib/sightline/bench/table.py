"""Reports as text: the lines that the terminal shows and that the document's tables are made of."""

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

_MIB = 2**20


def print_row(row: Mapping[str, Any]) -> str:
    """One row of a report for the terminal."""
    lines = [f"{row['key']}: {row['work']}", f"  against {row['against']}"]
    for one in [*row["ratios"], *row["memory"]]:
        lines.append(f"  {one['name']}: {value(one)}  {goal(one)}  {verdict(one)}".rstrip())
        if one.get("note"):
            lines.append(f"    {one['note']}")
    lines.append(f"  results: {agreement(row['agreement'])}")
    lines.append(f"  seconds: {'; '.join(medians(row['seconds']))}")
    lines += [f"  peak, {name}: {peak(one)}" for name, one in row["peaks"].items()]
    lines.append(f"  {'all goals met' if row['met'] else 'NOT MET'}")
    return "\n".join(lines)


def value(one: Mapping[str, Any]) -> str:
    """A ratio with its spread over rounds, if there were any."""
    text = f"{_number(one['median'])} {one['unit']}"
    if "low" in one:
        text += f" ({_number(one['low'])} to {_number(one['high'])})"
    return text


def goal(one: Mapping[str, Any]) -> str:
    """What was wanted; empty for a ratio that is only told."""
    if one["limit"] is None:
        return ""
    return f"{'≥' if one['at_least'] else '≤'} {one['limit']:g}"


def verdict(one: Mapping[str, Any]) -> str:
    """Whether it was reached, and by how much it was missed."""
    if one["met"] is None:
        return ""
    if one["met"]:
        return "met"
    return f"missed by {abs(1 - one['median'] / one['limit']):.0%}"


def agreement(one: Mapping[str, Any]) -> str:
    """How well both sides agree."""
    text = f"error {one['error']:.1e} of the largest value, allowed {one['tolerance']:.0e}"
    if one["effect"] is not None and not one["answers"]:
        text += f"; the conditions change {one['effect']:.1e}"
    if one["answers"]:
        text += f"; {one['same']} of {one['answers']} answers identical"
        text += f", {one['effect']:.0%} of them changed by their condition"
    if one["ties"]:
        text += f"; {one['ties']} part at a tie"
    return text if one["reached"] else f"DISAGREE: {text}"


def medians(seconds: Mapping[str, Any]) -> Iterator[str]:
    """Median seconds of everything timed; of one condition on the other side."""
    steps = [clocks["wall"] for share in seconds["steps"] for clocks in share.values()]
    yield f"other side, one condition {_number(statistics.median(steps))}"
    for name in seconds["whole"][0]:
        own = [share[name]["wall"] for share in seconds["whole"]]
        yield f"{name} {_number(statistics.median(own))}"


def peak(one: Mapping[str, Any]) -> str:
    """A peak of memory in MiB."""
    text = (
        f"{one['total'] / _MIB:,.0f} MiB, {(one['total'] - one['before']) / _MIB:,.1f} by the call"
    )
    if one["tensors"] is not None:
        text += f", {one['tensors'] / _MIB:,.1f} of tensors"
    return text


def _number(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"
