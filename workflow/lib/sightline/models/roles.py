"""Which position of a sequence plays which part, read from the processor's own marks."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sightline.models.registry import ModelError
from sightline.scenes.geometry import Grid

Positions = NDArray[np.int64]

PARTS = ("system", "image", "query", "generated")
"""Roles that no two positions share."""
NEW = ("generated", "text", "all")
"""Roles that new tokens have."""
ROLES = (*PARTS, "last", "last_image_row", "text", "all")
"""All names of rows: the last position of the prompt, the last row of the image, all but the image, everything."""


def _nowhere() -> Positions:
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class TokenRoles:
    """Positions of one sequence by role: sorted arrays, (n,) int64, no position in two of them.

    Attributes:
        system: text before the image; empty without an image.
        image: image tokens, row-major over ``grid``.
        query: all other text of the prompt, the beginning of the answer included if the prompt
            gives one.
        generated: what the model added.
        grid: where the image tokens lie, or None without an image.
    """

    system: Positions
    image: Positions
    query: Positions
    generated: Positions = field(default_factory=_nowhere)
    grid: Grid | None = None

    @classmethod
    def from_marks(
        cls, marks: ArrayLike, grid: Grid, attention_mask: ArrayLike | None = None
    ) -> "TokenRoles":
        """Roles of a prompt.

        Args:
            marks: the processor's ``mm_token_type_ids``, (positions,), 1 at image tokens.
            grid: of the model's image tokens.
            attention_mask: (positions,), 0 at padding, which has no role.

        Raises:
            ModelError: the prompt holds another number of image tokens than one image has.
        """
        marked = np.asarray(marks) == 1
        used = np.ones_like(marked) if attention_mask is None else np.asarray(attention_mask) != 0
        image = np.flatnonzero(marked & used)
        text = np.flatnonzero(~marked & used)
        if len(image) == 0:
            return cls(system=_nowhere(), image=image, query=text)
        if len(image) != grid.tokens:
            raise ModelError(
                f"prompt: {len(image)} image tokens where one image has {grid.rows} x "
                f"{grid.columns} = {grid.tokens}. Give exactly one image placeholder."
            )
        before = text < image[0]
        return cls(system=text[before], image=image, query=text[~before], grid=grid)

    @property
    def last(self) -> int:
        """Last position of the prompt, from which the answer is read."""
        return int(max(positions[-1] for positions in self._prompt if len(positions)))

    def of_prompt(self, role: str) -> Positions:
        """Positions of the prompt with one of `ROLES`, sorted, (n,) int64; new tokens are none of them."""
        if role == "last":
            return np.array([self.last])
        if role == "generated":
            return _nowhere()
        if role in ("text", "all"):
            parts = [part for part in self._prompt if role == "all" or part is not self.image]
            return np.sort(np.concatenate(parts))
        return getattr(self, role)

    @property
    def last_image_row(self) -> Positions:
        """Positions of the last row of the image-token grid; empty without an image.

        Of several tiles, which are stacked in the grid, the last one ends the sequence.

        Raises:
            ModelError: there are image tokens, but no grid says where their rows begin.
        """
        if len(self.image) and self.grid is None:
            raise ModelError(
                f"roles: {len(self.image)} image tokens without a grid, so their last row is not known. "
                "Give the grid of the model's image tokens."
            )
        return self.image[-self.grid.columns :] if len(self.image) else self.image

    @property
    def _prompt(self) -> Sequence[Positions]:
        return self.system, self.image, self.query

    def followed_by(self, count: int) -> "TokenRoles":
        """Roles of the same prompt with ``count`` generated tokens behind it."""
        return replace(self, generated=np.arange(self.last + 1, self.last + 1 + count))
