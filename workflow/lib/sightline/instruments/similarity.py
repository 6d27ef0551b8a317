"""Maps over image tokens: how alike they are to a state, which of them come first, where to click."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Literal

import torch

from sightline.errors import SightlineError
from sightline.scenes.tokens import Grid

Metric = Literal["cosine", "dot"]
POSITIVE, NEGATIVE, NEUTRAL = 1, 0, -1


class MapError(SightlineError):
    """A map, a grid and what is asked of them do not fit together."""


def similarity_maps(
    state: torch.Tensor, image_states: torch.Tensor, grid: Grid, metric: Metric = "cosine"
) -> torch.Tensor:
    """Similarity of one state with the states of image tokens, one map per layer.

    Args:
        state: (..., width), such as (layers, width).
        image_states: (..., tokens, width) with the same leading axes, row-major over the grid.
        grid: of the image tokens.
        metric: "cosine", or "dot" for the bare dot product.

    Returns:
        (..., rows, columns) float32. A zero vector has cosine 0 with everything.

    Raises:
        MapError: shapes do not fit, or no such metric.

    Source: cosine: khajuria2025 similarity maps; dot: qian2025 Eq. 5, S = H_img h_seg, final states
    behind the final norm.
    """
    if image_states.shape[-2] != grid.tokens:
        raise MapError(
            f"similarity: states of {image_states.shape[-2]} image tokens on a {grid.rows} x "
            f"{grid.columns} grid; expected {grid.tokens}."
        )
    if (*image_states.shape[:-2], image_states.shape[-1]) != tuple(state.shape):
        raise MapError(
            f"similarity: state {tuple(state.shape)} against image states "
            f"{tuple(image_states.shape)}; all axes but the tokens must agree."
        )
    one, many = state.float(), image_states.float()
    if metric == "cosine":
        one = torch.nn.functional.normalize(one, dim=-1)
        many = torch.nn.functional.normalize(many, dim=-1)
    elif metric != "dot":
        raise MapError(f"similarity: metric {metric!r}; give 'cosine' or 'dot'.")
    scores = (many @ one[..., None])[..., 0]
    return scores.unflatten(-1, (grid.rows, grid.columns))


def kept_tokens(share: float, tokens: int) -> int:
    """How many tokens a share of them is, rounded down; exact for shares written as decimals.

    Source: kaduri2025 section 3.4, floor(K |I|).

    Raises:
        MapError: the share is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise MapError(f"top tokens: share {share}; give one from 0 to 1.")
    # In floats 0.29 of 100 is a little less than 29.
    return floor(Fraction(str(share)) * tokens)


def top_tokens(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Tokens of the largest scores, best first, equal ones by number.

    Args:
        scores: (..., tokens), each leading index on its own, such as (layers, tokens): mean
            attention over queries and heads in kaduri2025 section 3.4.
        count: 0 to the number of tokens.

    Returns:
        (..., count) int64. Sorted along the last axis they are a context's keys in prompt order.

    Raises:
        MapError: more tokens asked than there are, or scores that are not numbers.
    """
    if not 0 <= count <= scores.shape[-1]:
        raise MapError(f"top tokens: {count} of {scores.shape[-1]}.")
    if scores.isnan().any():
        raise MapError("top tokens: some scores are NaN and cannot be ranked.")
    return scores.sort(dim=-1, descending=True, stable=True).indices[..., :count]


def attention_scores(attention: torch.Tensor) -> torch.Tensor:
    """How much each key is looked at, per block.

    Args:
        attention: as captured, (blocks, heads or 1, queries, keys), at least one query.

    Returns:
        Mean over queries and heads, (blocks, keys) float32.

    Source: kaduri2025 section 3.4, with the generated steps as queries.

    Raises:
        MapError: no query.
    """
    if attention.shape[2] == 0:
        raise MapError("attention scores: no queries; capture at least one.")
    return attention.float().mean((1, 2))


@dataclass(frozen=True, eq=False)
class Points:
    """Cells of a map to click on.

    Attributes:
        cells: number of each cell, row-major, (points,) int64.
        labels: `POSITIVE`, `NEGATIVE` or `NEUTRAL`, (points,) int64.
    """

    cells: torch.Tensor
    labels: torch.Tensor


def pool(scores: torch.Tensor, factor: int) -> torch.Tensor:
    """Mean of blocks of a map, (rows, columns) -> (rows / factor, columns / factor) float32.

    Source: qian2025, released code: bilinear reduction of 24 x 24 by 2 is exactly this.

    Raises:
        MapError: the factor does not divide both sides.
    """
    rows, columns = scores.shape
    if factor < 1 or rows % factor or columns % factor:
        raise MapError(f"pool: {rows} x {columns} cells do not divide into blocks of {factor}.")
    return scores.float().unflatten(1, (-1, factor)).unflatten(0, (-1, factor)).mean((1, 3))


def label_by_deviation(scores: torch.Tensor, deviations: float = 0.5) -> torch.Tensor:
    """Positive at mean + deviations x standard deviation and above, negative as far below.

    Args:
        scores: (rows, columns).
        deviations: of the population.

    Returns:
        Labels, (rows, columns) int64; all neutral where every score is the same.

    Source: qian2025, the paper's form of similarity as points.
    """
    values = scores.float()
    if values.min() == values.max():
        return torch.full(values.shape, NEUTRAL)
    mean, spread = values.mean(), deviations * values.std(correction=0)
    return _labels(values >= mean + spread, values <= mean - spread)


def label_by_range(
    scores: torch.Tensor, positive: float = 0.8, negative: float = 0.2
) -> torch.Tensor:
    """Positive or negative by the place between the smallest and the largest score.

    Args:
        scores: (rows, columns); NaN at cells outside the map, which stay neutral.
        positive: share of the range at and above which a cell is positive.
        negative: share at and below which it is negative.

    Returns:
        Labels, (rows, columns) int64.

    Source: qian2025, released code: 0.8 and 0.2.
    """
    values = scores.float()
    inside = values[~values.isnan()]
    if len(inside) == 0:
        raise MapError("points: a map without a single score.")
    low, high = inside.min(), inside.max()
    # A flat map has no place in its range, and nothing to click on.
    values = (values - low) / (high - low if high > low else torch.nan)
    return _labels(values >= positive, values <= negative)


def order_points(scores: torch.Tensor, labels: torch.Tensor, count: int) -> Points:
    """The first cells to click: positives falling, negatives rising, neutrals row by row.

    Args:
        scores: (rows, columns); cells with NaN are never chosen.
        labels: (rows, columns).
        count: most points.

    Source: qian2025, released code; equal scores by cell.
    """
    values, kinds = scores.float().flatten(), labels.flatten()
    allowed = ~values.isnan()
    chosen = []
    for label, sign in ((POSITIVE, -1), (NEGATIVE, 1), (NEUTRAL, 0)):
        cells = ((kinds == label) & allowed).nonzero()[:, 0]
        chosen.append(cells[(sign * values[cells]).sort(stable=True).indices])
    cells = torch.cat(chosen)[:count]
    return Points(cells, kinds[cells])


def _labels(positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
    labels = torch.full(positive.shape, NEUTRAL, device=positive.device)
    labels[negative] = NEGATIVE
    labels[positive] = POSITIVE
    return labels
