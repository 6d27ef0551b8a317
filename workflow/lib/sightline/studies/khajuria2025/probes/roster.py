"""The encoders of a run: what each was trained for, which are controls, and which published encoder one stands for."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline.errors import SightlineError

CLASSIFICATION, CONTRASTIVE = "classification", "contrastive"
CAPTIONING, DISTILLATION = "captioning", "distillation"

PUBLISHED_ENCODERS = {
    "clip": "CLIP ViT-B/16",
    "clip-l": "CLIP ViT-L/14@336",
    "blip": "BLIP",
    "blip-l": "BLIP large",
    "flava": "FLAVA",
    "rn50x4": "CLIP RN50x4",
    "vit": "ViT-B/16 in21k",
    "dino": "DINO",
    "dinov2": "DINOv2",
    "clip-l-224": "CLIP ViT-L/14",
}
"""Published encoders by the keys of published.csv, in the order of the published Figure 3."""

NINE = tuple(PUBLISHED_ENCODERS)[:-1]
"""Those that claims over encoders rest on."""

REPEATED = "clip-l-224"
"""CLIP large at the resolution of the similarity maps alone; the nine encoders hold it at another."""


class RosterError(SightlineError):
    """The list of encoders does not make sense."""


@dataclass(frozen=True)
class Entry:
    """One encoder.

    Attributes:
        encoder: key.
        objective: words of the configuration, such as "contrastive 0.5" where captions name the secondary
            object at that rate.
        control: whether it stays out of means and correlations over encoders: nothing was learnt, tokens cannot see
            each other, or it repeats another encoder at another size or resizing.
        attention: "all", or "object" or "token" for the control whose tokens stay apart.
        family: of the architecture.
        stands_for: key of the published encoder beside whose numbers it is shown, or nothing.
    """

    encoder: str
    objective: str
    control: bool
    attention: str = "all"
    family: str = ""
    stands_for: str = ""

    @property
    def kind(self) -> str:
        """First word of the objective."""
        return self.objective.split()[0] if self.objective else ""

    @property
    def rate(self) -> float | None:
        """Rate at which captions name the secondary object, where the objective says one."""
        try:
            return float(self.objective.split()[-1])
        except (ValueError, IndexError):
            return None


@dataclass(frozen=True)
class Roster:
    """All encoders of a run, in the order of the configuration."""

    entries: tuple[Entry, ...]

    @classmethod
    def read(cls, path: Path | str) -> "Roster":
        """Read the file that `build` gave.

        Raises:
            RosterError: not readable, or a published encoder that there is none of.
        """
        try:
            return cls.build(json.loads(Path(path).read_text()))
        except (OSError, json.JSONDecodeError, TypeError, KeyError) as error:
            raise RosterError(f"{path}: not readable as a list of encoders ({error}).") from None

    @classmethod
    def build(cls, entries: Iterable[Mapping[str, Any]]) -> "Roster":
        """From entries of the configuration with ``key``, ``family``, ``objective`` and so on.

        Raises:
            RosterError: see above.
        """
        found = []
        for entry in entries:
            stands_for = entry.get("stands_for") or (
                entry["key"] if entry["key"] in PUBLISHED_ENCODERS else ""
            )
            if stands_for and stands_for not in PUBLISHED_ENCODERS:
                raise RosterError(
                    f"studies.khajuria2025.stand_ins.{entry['key']}: {stands_for!r} was not published; "
                    f"give one of {', '.join(PUBLISHED_ENCODERS)}."
                )
            attention, family = entry.get("attention", "all"), entry.get("family", "")
            control = attention != "all" or family == "patches" or stands_for == REPEATED
            control = control or entry.get("resize") == "squash"
            found.append(
                Entry(
                    entry["key"],
                    entry.get("objective", ""),
                    control
                    or entry.get("weights") == "random"
                    or entry.get("objective") == "random",
                    attention,
                    family,
                    stands_for,
                )
            )
        return cls(tuple(found))

    def __getitem__(self, encoder: str) -> Entry:
        for entry in self.entries:
            if entry.encoder == encoder:
                return entry
        raise RosterError(f"{encoder}: not among studies.khajuria2025.encoders.")

    @property
    def trained(self) -> list[str]:
        """Encoders that learnt something and see whole images."""
        return [entry.encoder for entry in self.entries if not entry.control]

    @property
    def published(self) -> bool:
        """Whether the trained encoders are the published ones themselves, not others in their place."""
        trained = [entry for entry in self.entries if not entry.control]
        return bool(trained) and all(entry.encoder == entry.stands_for for entry in trained)

    @property
    def objectives(self) -> dict[str, list[str]]:
        """Objective -> its trained encoders."""
        found: dict[str, list[str]] = {}
        for entry in self.entries:
            if not entry.control:
                found.setdefault(entry.objective, []).append(entry.encoder)
        return found

    def kind(self, *kinds: str) -> list[str]:
        """Trained encoders of some kinds of objective."""
        return [e.encoder for e in self.entries if not e.control and e.kind in kinds]

    @property
    def independent(self) -> list[str]:
        """Controls whose tokens see only their own object."""
        return [e.encoder for e in self.entries if e.attention != "all"]
