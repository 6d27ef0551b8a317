"""Everything that one model's queries are measured with: its maps, rule and geometry, both segmenters."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from sightline.instruments.points import ImagePoints, image_map, similarity_as_points, unit_range
from sightline.instruments.similarity import NEUTRAL
from sightline.scenes.geometry import ImageTransform, Pad
from sightline.scenes.scene import SegmentationQuery
from sightline.scenes.tokens import Grid
from sightline.studies.correlations import spearman
from sightline.studies.qian2025.masks import names as named
from sightline.studies.qian2025.masks.conditions import Choice, language_maps, rule_variants
from sightline.studies.qian2025.masks.frames import (
    Segmenters,
    clicked_masks,
    decoder_maps,
    own_masks,
)
from sightline.studies.qian2025.masks.geometry import released_geometry
from sightline.studies.qian2025.metrics import overlap
from sightline.studies.qian2025.protocol import POSITIONS, Protocol
from sightline.studies.qian2025.similarity.cells import coverage
from sightline.studies.qian2025.similarity.store import Maps

SHARES = tuple(round(share, 2) for share in np.arange(0.05, 1.0, 0.05).tolist())
"""Cuts among which the best is chosen on the first split."""
_SIDE = 32
"""Maps are compared on this many places along a side of the image."""


class Measuring:
    """Everything that is fixed while the queries of one model are measured."""

    def __init__(
        self,
        maps: Maps,
        best: Choice,
        segmenters: Segmenters,
        transform: ImageTransform,
        patch: int,
        model: str,
        protocol: Protocol,
    ) -> None:
        """Look up the maps and the model's rule."""
        self.maps, self.protocol, self.model = maps, protocol, model
        self.named = language_maps(maps, protocol, best).maps
        self.segmenters, self.transform, self.patch = segmenters, transform, patch
        self.rule = protocol.rule(model)
        self.own = named.OWN_WITH_POINTS if model in protocol.taught_points else named.OWN
        self.geometry = released_geometry(transform)
        self.frame = Pad(segmenters.own.side, centered=False)
        self._before: dict[str, torch.Tensor] = {}

    def batch(
        self, numbers: Sequence[int], queries: Sequence[SegmentationQuery]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, torch.Tensor]]:
        """Rows of masks and of agreement of some queries, and what a gallery shows of them."""
        protocol, own = self.protocol, self.segmenters.own
        images = [query.scene.image() for query in queries]
        sizes = [(query.scene.height, query.scene.width) for query in queries]
        mine, original = self.segmenters.embed(images)
        states = {one: self.maps.seg(one)[numbers].to(mine.device) for one in POSITIONS}
        decoded = self._decoded(numbers, mine, states[protocol.position], sizes)
        points = self._points(numbers, queries, sizes, decoded)
        found: dict[tuple[str, str], Sequence[torch.Tensor]] = {}
        for position, state in states.items():
            name = (
                named.PUBLISHED if position == protocol.position else f"state {position} the token"
            )
            found[named.OWN, name] = own_masks(own, mine, state, sizes)
        published = points[named.PUBLISHED]
        with_points = {
            named.PUBLISHED: published,
            "not continuous": points["not continuous"],
            named.BEST: points[named.BEST],
            named.ANOTHER_IMAGE: points[named.ANOTHER_IMAGE],
            "random": points["random"],
            "all neutral": [
                replace(one, labels=torch.full_like(one.labels, NEUTRAL)) for one in published
            ],
            named.TRUTH: points[named.TRUTH],
        }
        for name, some in with_points.items():
            for chosen in _equally_many(some):
                masks = own_masks(
                    own, mine[chosen], states[protocol.position][chosen],
                    [sizes[n] for n in chosen], [some[n] for n in chosen],
                )  # fmt: skip
                slot = found.setdefault((named.OWN_WITH_POINTS, name), [None] * len(queries))
                for place, mask in zip(chosen, masks, strict=True):
                    slot[place] = mask
        for name, some in points.items():
            found[named.POINTS, name] = clicked_masks(
                self.segmenters.original, original, some, sizes, protocol.several_masks
            )
        other = "single mask" if protocol.several_masks else "best of several masks"
        found[named.POINTS, other] = clicked_masks(
            self.segmenters.original, original, published, sizes, not protocol.several_masks
        )
        rows, agreement = [], []
        for place, (number, query) in enumerate(zip(numbers, queries, strict=True)):
            target, ignore = query.target, query.ignore
            maps = {name: one[number] for name, one in self.named.items()}
            masks = {key: some[place].cpu().numpy() for key, some in found.items()}
            masks |= dict(
                self._cut(maps, {n: one[place] for n, one in decoded.items()}, sizes[place])
            )
            for (method, variant), mask in masks.items():
                shared, united = overlap(mask, target, ignore)
                rows.append(
                    {"number": number, "method": method, "variant": variant,
                     "intersection": shared, "union": united, "predicted": int(mask.sum())}
                )  # fmt: skip
            agreement.append({"number": number} | self._agree(number, decoded, place, query))
        shown = {
            named.SAM: decoded[named.SAM],
            "own": found[self.own, named.PUBLISHED],
            "clicked": found[named.POINTS, named.PUBLISHED],
            "points": published,
        }
        return rows, agreement, shown

    def _decoded(
        self,
        numbers: Sequence[int],
        embeddings: torch.Tensor,
        states: torch.Tensor,
        sizes: Sequence[tuple[int, int]],
    ) -> dict[str, torch.Tensor]:
        """Maps inside the mask decoder, prompted as for the model's own masks."""
        own = self.segmenters.own
        if self.own == named.OWN:
            return {k: v.cpu() for k, v in decoder_maps(own, embeddings, states, sizes).items()}
        published = self.named[named.PUBLISHED]
        points = [self._pick(published[n], size) for n, size in zip(numbers, sizes, strict=True)]
        found: dict[str, torch.Tensor] = {}
        for chosen in _equally_many(points):
            maps = decoder_maps(
                own, embeddings[chosen], states[chosen],
                [sizes[n] for n in chosen], [points[n] for n in chosen],
            )  # fmt: skip
            for name, some in maps.items():
                blank = some.new_empty((len(sizes), *some.shape[1:]), device="cpu")
                found.setdefault(name, blank)[chosen] = some.cpu()
        return found

    def _points(
        self,
        numbers: Sequence[int],
        queries: Sequence[SegmentationQuery],
        sizes: Sequence[tuple[int, int]],
        decoded: dict[str, torch.Tensor],
    ) -> dict[str, list[ImagePoints]]:
        found: dict[str, list[ImagePoints]] = {
            name: [self._pick(one[n], size) for n, size in zip(numbers, sizes, strict=True)]
            for name, one in self.named.items()
        }
        published = self.named[named.PUBLISHED]
        for name, rule in rule_variants(self.rule).items():
            found[name] = [
                similarity_as_points(published[n], size, rule, self.geometry, self.patch)
                for n, size in zip(numbers, sizes, strict=True)
            ]
        found[named.SAM] = [
            similarity_as_points(one, size, self.rule, self.frame, 1)
            for one, size in zip(decoded[named.SAM], sizes, strict=True)
        ]
        grid = Grid(*published.shape[1:], self.patch)
        found[named.TRUTH] = [
            self._pick(coverage(query.target, grid, self.transform), size)
            for query, size in zip(queries, sizes, strict=True)
        ]
        return found

    def _pick(self, scores: torch.Tensor, size: tuple[int, int]) -> ImagePoints:
        return similarity_as_points(scores, size, self.rule, self.geometry, self.patch)

    def _cut(
        self, maps: dict[str, torch.Tensor], decoded: dict[str, torch.Tensor], size: tuple[int, int]
    ) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
        """The maps as masks: cut at mean + deviations first of all, then at shares of their range."""
        everything = [(name, one, self.transform) for name, one in maps.items()]
        everything += [(name, one, self.frame) for name, one in decoded.items()]
        for name, scores, transform in everything:
            shown = image_map(unit_range(scores), size, transform, outside=-1.0).numpy()
            inside = shown[shown >= 0]
            limit = inside.mean() + self.protocol.deviations * inside.std()
            yield (named.MAP, name), shown >= limit
            if name in (named.PUBLISHED, named.BEST, named.SAM):
                for share in sorted({*SHARES, *self.protocol.shares}):
                    yield (named.MAP, named.cut_at(name, share)), shown >= share

    def _agree(
        self, number: int, decoded: dict[str, torch.Tensor], place: int, query: SegmentationQuery
    ) -> dict[str, float]:
        """Rank correlations of maps on the image, and with those of the image before; where maps are highest."""
        size = (query.scene.height, query.scene.width)
        small = {
            name: _small(self.named[name][number], size, self.transform)
            for name in (
                named.PUBLISHED,
                "cosine",
                named.BEST,
                "input",
                "untrained",
                "norm",
                "random",
            )
            if name in self.named
        }
        small |= {name: _small(one[place], size, self.frame) for name, one in decoded.items()}
        pairs = [
            (one, two)
            for one in small
            for two in (named.SAM, named.SAM_BEFORE)
            if one not in decoded
        ]
        found = {f"{one} ~ {two}": _agreement(small[one], small[two]) for one, two in pairs}
        if self._before:
            found |= {
                f"{one} ~ {two}, another image": _agreement(small[one], self._before[two])
                for one, two in pairs
            }
        self._before = small
        target = F.interpolate(
            torch.from_numpy(query.target.astype("float32"))[None, None],
            (_SIDE, _SIDE),
            mode="nearest",
        ).flatten()
        # Highest where it is seen; a place is on the object or not, as in the pointing game.
        found |= {
            f"hit {one}": float(target[some.nan_to_num(-torch.inf).argmax()])
            for one, some in small.items()
        }
        return found | {"share": float(target.mean())}


def _small(scores: torch.Tensor, size: tuple[int, int], transform: ImageTransform) -> torch.Tensor:
    """A map on `_SIDE` x `_SIDE` places of the image, NaN where the tower sees nothing."""
    shown = image_map(scores, size, transform, outside=torch.nan)
    return F.interpolate(shown[None, None], (_SIDE, _SIDE), mode="nearest")[0, 0].flatten()


def _agreement(one: torch.Tensor, two: torch.Tensor) -> float:
    """Rank correlation of two maps where both are numbers; NaN where hardly anything is."""
    there = ~(one.isnan() | two.isnan())
    if there.sum() < 3:
        return float("nan")
    return float(spearman(one[there].double().numpy(), two[there].double().numpy()))


def _equally_many(points: Sequence[ImagePoints]) -> Iterator[list[int]]:
    for count in sorted({len(one.labels) for one in points}):
        yield [n for n, one in enumerate(points) if len(one.labels) == count]
