"""What Snakemake is about to do, from the text of its dry run; this library imports nothing of Snakemake."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_HEAD = re.compile(r"^\s*(?:local)?(?:rule|checkpoint) (\w+):\s*$")
_WILDCARDS = re.compile(r"^\s+wildcards: (.*)$")
# A value may hold a comma; the next name and its sign of equality end it.
_PAIR = re.compile(r"(\w+)=(.*?)(?=, \w+=|$)")


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        rule: its name.
        wildcards: name -> value.
    """

    rule: str
    wildcards: Mapping[str, str] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Part of its rule's samples that it takes: 1 unless the rule is divided into shards."""
        return 1 / int(self.wildcards.get("shards", 1))


def read_jobs(text: str) -> list[Job]:
    """The jobs of a dry run, in its order; none where nothing is to be done.

    Args:
        text: what ``snakemake --dry-run`` printed.
    """
    return list(_jobs(text))


def _jobs(text: str) -> Iterator[Job]:
    rule: str | None = None
    wildcards: dict[str, str] = {}
    for line in text.splitlines():
        if found := _HEAD.match(line):
            if rule:
                yield Job(rule, wildcards)
            rule, wildcards = found[1], {}
        elif rule and (found := _WILDCARDS.match(line)):
            wildcards = dict(_PAIR.findall(found[1]))
    if rule:
        yield Job(rule, wildcards)
