"""Roles come from the processor's marks, wherever the image lies."""

import numpy as np
import pytest

from sightline.models.registry import ModelError
from sightline.models.roles import ROLES, TokenRoles
from sightline.scenes.geometry import Grid

GRID = Grid(rows=2, columns=2, patch=8)


def test_system_image_query():
    """Text before the image is system, text after it is query; the last position is query."""
    roles = TokenRoles.from_marks([0, 0, 1, 1, 1, 1, 0, 0, 0], GRID)
    assert roles.system.tolist() == [0, 1]
    assert roles.image.tolist() == [2, 3, 4, 5]
    assert roles.query.tolist() == [6, 7, 8]
    assert roles.generated.size == 0
    assert roles.last == 8
    assert roles.grid == GRID
    assert all(
        part.dtype == np.int64 for part in (roles.system, roles.image, roles.query, roles.generated)
    )


def test_padding_has_no_role():
    """Padded positions belong to nobody, on either side."""
    left = TokenRoles.from_marks([0, 0, 1, 1, 1, 1, 0], GRID, attention_mask=[0, 1, 1, 1, 1, 1, 1])
    assert left.system.tolist() == [1] and left.last == 6
    right = TokenRoles.from_marks([0, 1, 1, 1, 1, 0, 0], GRID, attention_mask=[1, 1, 1, 1, 1, 1, 0])
    assert right.query.tolist() == [5] and right.last == 5


def test_image_tokens_need_not_be_neighbours():
    """Separators between the rows of an image are text."""
    roles = TokenRoles.from_marks([0, 1, 1, 0, 1, 1, 0], GRID)
    assert roles.image.tolist() == [1, 2, 4, 5]
    assert roles.query.tolist() == [3, 6]


def test_without_an_image_all_text_is_query():
    """No image, no system part and no grid."""
    roles = TokenRoles.from_marks([0, 0, 0], GRID)
    assert roles.query.tolist() == [0, 1, 2]
    assert roles.system.size == roles.image.size == 0
    assert roles.grid is None


def test_generated_tokens_follow_the_prompt():
    """The last prompt position stays where it was."""
    roles = TokenRoles.from_marks([0, 1, 1, 1, 1, 0], GRID).followed_by(3)
    assert roles.generated.tolist() == [6, 7, 8]
    assert roles.last == 5


@pytest.mark.parametrize("count", [3, 5, 8])
def test_any_other_number_of_image_tokens_is_refused(count):
    """Half an image, or two of them, would shift every index."""
    with pytest.raises(ModelError, match="one image has 2 x 2 = 4"):
        TokenRoles.from_marks([0, *[1] * count, 0], GRID)


def test_roles_of_a_real_prompt(tiny_llava):
    """The marks are the placeholders of the tokenised prompt."""
    prompt = tiny_llava.prompt("Is there a cat in this image?")
    placeholder = (prompt.input_ids == tiny_llava.image_token_id).nonzero()[:, 0]
    assert prompt.roles.image.tolist() == placeholder.tolist()
    assert len(prompt.roles.image) == tiny_llava.grid.tokens
    before = tiny_llava.tokenizer.decode(prompt.input_ids[prompt.roles.system])
    assert before.split() == ["<s>", "user", ":"]
    assert prompt.roles.last == len(prompt) - 1


def test_every_name_of_rows_has_its_positions():
    """New tokens belong to no prompt, whatever they are named."""
    roles = TokenRoles.from_marks([0, 1, 1, 0, 1, 1, 0], GRID).followed_by(2)
    found = {name: roles.of_prompt(name).tolist() for name in ROLES}
    assert found == {
        "system": [0],
        "image": [1, 2, 4, 5],
        "query": [3, 6],
        "generated": [],
        "last": [6],
        "last_image_row": [4, 5],
        "text": [0, 3, 6],
        "all": [0, 1, 2, 3, 4, 5, 6],
    }


def test_the_last_row_of_an_image_needs_its_grid():
    """Without one it is not known where the row begins; without an image there is none."""
    image = np.arange(2, 6)
    roles = TokenRoles(np.arange(2), image, np.arange(6, 8), grid=GRID)
    assert roles.last_image_row.tolist() == [4, 5]
    assert TokenRoles(np.arange(2), image[:0], np.arange(2, 4)).last_image_row.size == 0
    with pytest.raises(ModelError, match="4 image tokens without a grid"):
        _ = TokenRoles(np.arange(2), image, np.arange(6, 8)).last_image_row
