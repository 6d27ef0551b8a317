"""Questions of all sets, gathered by picture: a picture is looked at once, whatever file it lies in."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sightline.errors import SightlineError
from sightline.files import sha256
from sightline.scenes.mme import read_mme
from sightline.scenes.pope import read_pope
from sightline.scenes.yes_no import QuestionSet, YesNoQuestion

log = logging.getLogger(__name__)

MME, POPE = "mme", "pope"


class QuestionError(SightlineError):
    """There is nothing to ask."""


@dataclass(frozen=True)
class Asked:
    """A question of a set."""

    set: str
    one: YesNoQuestion


def read_sets(
    mme: Path | None, pope: Path | None, images: Iterable[Path]
) -> dict[str, QuestionSet]:
    """The sets there are.

    Args:
        mme: folder of MME, or None.
        pope: folder of POPE's question files, or None.
        images: folders of POPE's images.

    Raises:
        QuestionError: neither set is given.
    """
    sets = {}
    if mme is not None:
        sets[MME] = read_mme(mme)
    if pope is not None:
        sets[POPE] = read_pope(pope, list(images))
    if not sets:
        raise QuestionError("questions: no set is given; name datasets.mme or datasets.pope.")
    for name, found in sets.items():
        for subtask, count in found.absent.items():
            log.warning(
                "%s %s: %d questions left out, their images are not there", name, subtask, count
            )
    return sets


def by_picture(sets: Mapping[str, QuestionSet]) -> dict[str, list[Asked]]:
    """Questions about each picture, by the checksum of the picture's file, in order of appearance."""
    sums: dict[Path, str] = {}
    found: dict[str, list[Asked]] = {}
    for name, questions in sets.items():
        for one in questions.questions:
            if one.image not in sums:
                sums[one.image] = sha256(one.image)[:16]
            found.setdefault(sums[one.image], []).append(Asked(name, one))
    return found
