"""What a run of this study fixes in advance: tasks, samples, categories, variants, seeds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sightline.studies.khajuria2025.names import CORRECTED, PUBLISHED
from sightline.studies.protocols import ProtocolError, StudySettings, find_setting

SHIFT, WRONG_GRID, EQUAL_GRID = "shift_", "wrong_grid", "equal_grid"


@dataclass(frozen=True)
class Task:
    """Two primary and four secondary categories."""

    primary: tuple[str, ...]
    secondary: tuple[str, ...]

    @property
    def categories(self) -> tuple[str, ...]:
        """All of them, primaries first."""
        return (*self.primary, *self.secondary)


@dataclass(frozen=True)
class ImageSet:
    """The first images of a split."""

    split: str
    images: int | None


@dataclass(frozen=True)
class Protocol(StudySettings):
    """Settings of one run, as the configuration gives them under ``studies: khajuria2025``.

    Attributes:
        seed: of every random choice.
        pair_split: images with pairs.
        tasks: in the paper's order.
        per_pair: most images of each pair; None for all.
        swapped_per_pair: likewise with roles swapped in size; 0 for none.
        global_train: images of the global probe's training.
        global_test: of its test.
        categories: of the global probe, in the order of its labels.
        variants: "corrected" and "published".
        shifts: cells by which masks are moved towards the border, one variant each.
        wrong_grid: side of the grid that a variant takes its token numbers from, or None.
        published_grids: encoder -> side of the grid that its masks were reduced to, where not its own.
        equal_grids: encoder -> side of a coarser grid on which its masks are reduced too, so that it can be held
            against an encoder of that grid.
    """

    seed: int
    pair_split: str
    tasks: tuple[Task, ...]
    per_pair: int | None
    swapped_per_pair: int
    global_train: ImageSet
    global_test: ImageSet
    categories: tuple[str, ...]
    variants: tuple[str, ...]
    shifts: tuple[int, ...]
    wrong_grid: int | None
    published_grids: Mapping[str, int]
    equal_grids: Mapping[str, int]

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> "Protocol":
        """Take the nested mapping of the configuration apart.

        Raises:
            ProtocolError: names the key at fault.
        """
        pairs, defects = _find(settings, "pairs"), settings.get("defects", {})
        variants = tuple(_find(settings, "variants"))
        unknown = set(variants) - {CORRECTED, PUBLISHED}
        if unknown or CORRECTED not in variants:
            raise ProtocolError(
                f"variants: {list(variants)}; give corrected, and published where it is wanted."
            )
        return cls(
            seed=_find(settings, "seed"),
            pair_split=_find(settings, "pairs.split"),
            tasks=tuple(
                _task(number, one) for number, one in enumerate(_find(settings, "pairs.tasks"))
            ),
            per_pair=pairs.get("images_per_pair"),
            swapped_per_pair=pairs.get("swapped_per_pair", 0),
            global_train=_image_set(settings, "global_probe.train"),
            global_test=_image_set(settings, "global_probe.test"),
            categories=_distinct(
                "global_probe.categories", _find(settings, "global_probe.categories")
            ),
            variants=variants,
            shifts=tuple(sorted(defects.get("shifts", ()))),
            wrong_grid=defects.get("wrong_grid"),
            published_grids=dict(settings.get("published_grids", {})),
            equal_grids=dict(settings.get("equal_grids", {})),
        )

    def of_encoder(self, encoder: str) -> "Protocol":
        """The same with the coarser grid of one encoder alone."""
        own = {key: side for key, side in self.equal_grids.items() if key == encoder}
        return replace(self, equal_grids=own)

    @property
    def bare_variants(self) -> tuple[str, ...]:
        """Variants that hold pairs and avg_obj alone: deliberate defects, and masks of a coarser grid."""
        wrong = (WRONG_GRID,) if self.wrong_grid else ()
        equal = (EQUAL_GRID,) if self.equal_grids else ()
        return (*(f"{SHIFT}{cells}" for cells in self.shifts), *wrong, *equal)


def _task(number: int, entry: Mapping[str, Any]) -> Task:
    task = Task(tuple(entry["primary"]), tuple(entry["secondary"]))
    _distinct(f"pairs.tasks.{number}", task.categories)
    if len(task.primary) != 2 or len(task.secondary) != 4:
        raise ProtocolError(
            f"pairs.tasks.{number}: {len(task.primary)} primary and {len(task.secondary)} secondary "
            "categories; a task has 2 and 4."
        )
    return task


def _image_set(settings: Mapping[str, Any], dotted: str) -> ImageSet:
    return ImageSet(_find(settings, f"{dotted}.split"), _find(settings, dotted).get("images"))


def _distinct(key: str, names: Any) -> tuple[str, ...]:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise ProtocolError(f"{key}: {', '.join(twice)} occurs twice.")
    return tuple(names)


def _find(settings: Mapping[str, Any], dotted: str) -> Any:
    return find_setting(settings, dotted, "khajuria2025")
