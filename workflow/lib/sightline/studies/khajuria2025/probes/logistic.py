"""Standardised multinomial logistic regression for many feature matrices and problems at once.

The same objective as scikit-learn's ``LogisticRegression`` behind its ``StandardScaler``: sum of log losses plus
``|weights|^2 / (2 C)``, one weight vector for two classes, no penalty on intercepts. All problems of a lane share
every product with its features. L-BFGS runs in the metric of the lane's own second moments: their inverse, made
once per lane, stands in for the curvature of every problem, and about ten steps are left where plain L-BFGS
takes a hundred. Lines are searched on scores alone, without touching the features.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from sightline.studies.khajuria2025.probes.problems import LinearProbe, Problem, check_features

TOLERANCE, STEPS, MEMORY = 1e-4, 200, 8
"""Largest entry of the mean loss's gradient, as in scikit-learn; most steps; pairs that L-BFGS remembers."""

# Curvature that the metric assumes: p (1 - p) of a fairly sure probe. Any value is right, this one is quick.
_CURVATURE = 0.1
_PAD = 16
_CHUNK = 96 * 2**20
_HALVINGS = 30
_BLOCK = 192

_Fitted = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def fit_logistic(
    features: torch.Tensor,
    problems: Sequence[Problem],
    penalty: float = 1.0,
    tolerance: float = TOLERANCE,
    steps: int = STEPS,
    chunk_bytes: int = _CHUNK,
) -> list[LinearProbe]:
    """Solve every problem on every lane.

    Args:
        features: (lanes, rows, width), float32 or float64; standardised here by the rows to learn from.
        problems: all about the same rows.
        penalty: 1 / C.
        tolerance: see TOLERANCE.
        steps: the most.
        chunk_bytes: lanes are taken together up to about this much memory per thread; changes speed, not results.

    Returns:
        One probe per problem, in order, with weights for the features as given; ``rounds`` counts steps.

    Raises:
        ProbeError: features and problems do not fit together.
    """
    check_features(features, problems)
    _, rows, width = features.shape
    layout = _Layout.of(problems, features)
    bytes_per_lane = features.element_size() * (
        rows * (width + 8 * layout.padded) + width * (2 * width + 2 * MEMORY * layout.padded)
    )
    workers = torch.get_num_threads() if features.device.type == "cpu" else 1
    some = max(1, min(chunk_bytes // bytes_per_lane, -(-len(features) // workers)))
    parts = _side_by_side(
        lambda chunk: _fit_chunk(chunk, layout, penalty, tolerance, steps),
        features.split(some),
        workers,
    )
    weights, intercepts, rounds = (torch.cat(part) for part in zip(*parts, strict=True))
    return [
        LinearProbe(
            problem,
            weights[:, place],
            intercepts[:, place],
            rounds[:, [number]].expand(-1, problem.columns),
        )
        for number, (problem, place) in enumerate(zip(problems, layout.places, strict=True))
    ]


def _side_by_side(
    work: Callable[[torch.Tensor], _Fitted], chunks: Sequence[torch.Tensor], workers: int
) -> list[_Fitted]:
    """Work on chunks in threads of one core each: its products are too small to be divided."""
    if workers == 1 or len(chunks) == 1:
        return [work(chunk) for chunk in chunks]
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(work, chunks))
    finally:
        torch.set_num_threads(workers)


@dataclass(frozen=True)
class _Layout:
    """All columns of all problems side by side, filled up to a width that products are quick with.

    Attributes:
        places: columns of each problem.
        padded: number of columns.
        member: (padded, problems), 1 where a column belongs to a problem.
        wanted: (padded, rows) 1 for rows of the column's class.
        use: (padded, rows) 1 for rows to learn from.
        counts: (padded,) number of rows to learn from, 1 for columns that fill up.
    """

    places: list[slice]
    padded: int
    member: torch.Tensor
    wanted: torch.Tensor
    use: torch.Tensor
    counts: torch.Tensor

    @classmethod
    def of(cls, problems: Sequence[Problem], like: torch.Tensor) -> "_Layout":
        """Lay columns out, on the device and in the type of the features."""
        ends = np.cumsum([problem.columns for problem in problems])
        places = [
            slice(int(end) - problem.columns, int(end))
            for end, problem in zip(ends, problems, strict=True)
        ]
        padded = -(-int(ends[-1]) // _PAD) * _PAD
        rows = len(problems[0].labels)
        member = np.zeros((padded, len(problems)))
        wanted, use = np.zeros((padded, rows)), np.zeros((padded, rows))
        for number, (problem, place) in enumerate(zip(problems, places, strict=True)):
            member[place, number] = 1
            wanted[place] = problem.indicators
            use[place] = problem.train
        tensors = [
            torch.as_tensor(part, dtype=like.dtype, device=like.device)
            for part in (member, wanted, use, np.maximum(use.sum(1), 1))
        ]
        return cls(places, padded, *tensors)

    def losses(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of every problem (lanes, problems) and its gradient by scores (lanes, padded, rows)."""
        slopes = torch.zeros_like(scores)
        losses = []
        for place in self.places:
            some, wanted = scores[:, place], self.wanted[place]
            if place.stop - place.start == 1:
                slopes[:, place] = some.sigmoid()
                loss = torch.nn.functional.softplus(some) - some * wanted
            else:
                total = some.logsumexp(1, keepdim=True)
                slopes[:, place] = (some - total).exp_()
                loss = total - (some * wanted).sum(1, keepdim=True)
            losses.append((loss * self.use[place][:1]).sum((1, 2)))
        slopes -= self.wanted
        slopes *= self.use
        return torch.stack(losses, 1), slopes

    def dot(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Inner products per problem, (lanes, problems), of (lanes, padded, width)."""
        return (one * other).sum(-1) @ self.member

    def spread(self, factors: torch.Tensor) -> torch.Tensor:
        """(lanes, problems) to (lanes, padded, 1)."""
        return (factors @ self.member.T)[..., None]


class _Lanes:
    """Features of a chunk, standardised, and products with them.

    A column's own standardisation, by the rows it learns from, is folded into its weights; the last entry of a
    weight vector is the intercept.
    """

    def __init__(self, features: torch.Tensor, layout: _Layout, penalty: float) -> None:
        self._layout, self._penalty = layout, penalty
        self._middle = features.mean(1, keepdim=True)
        self.x = features - self._middle
        self._scale = _or_one(self.x.square().mean(1, keepdim=True).sqrt())
        self.x /= self._scale
        shares = layout.use / layout.counts[:, None]
        self._mean = _product(shares, self.x)
        squares = _product(shares, self.x.square())
        self._spread = _or_one((squares - self._mean.square()).clamp(min=0).sqrt())
        moments = _second_moments(self.x)
        learnt = float(layout.counts[: int(layout.member.sum())].mean())
        moments *= _CURVATURE * learnt / self.x.shape[1]
        moments.diagonal(dim1=1, dim2=2).add_(max(penalty, 1e-6 * learnt))
        self._inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments))

    def scores(self, weights: torch.Tensor) -> torch.Tensor:
        """Scores (lanes, padded, rows)."""
        raw = weights[..., :-1] / self._spread
        offsets = weights[..., -1] - (raw * self._mean).sum(-1)
        return _product(raw, self.x.mT).add_(offsets[..., None])

    def gradient(self, slopes: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Gradient of the objective by weights, from that of the loss by scores."""
        total = slopes.sum(-1, keepdim=True)
        inner = (_product(slopes, self.x) - total * self._mean) / self._spread
        return torch.cat([inner + self._penalty * weights[..., :-1], total], -1)

    def precondition(self, gradient: torch.Tensor) -> torch.Tensor:
        """The metric's inverse times a gradient."""
        inner = _product(gradient[..., :-1], self._inverse)
        counts = self._layout.counts[None, :, None]
        return torch.cat([inner, gradient[..., -1:] / (_CURVATURE * counts)], -1)

    def raw(self, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights and intercepts for features as given."""
        inner = weights[..., :-1] / self._spread
        offsets = weights[..., -1] - (inner * self._mean).sum(-1)
        inner = inner / self._scale
        return inner, offsets - (inner * self._middle).sum(-1)


def _product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Matrix products lane by lane, (lanes, m, k) or (m, k) times (lanes, k, n).

    On a CPU, a batched product of so few rows runs at a third of the speed of single ones.
    """
    if right.device.type != "cpu":
        return left @ right
    lefts = [left] * len(right) if left.ndim == 2 else left
    found = right.new_empty(len(right), left.shape[-2], right.shape[-1])
    for one, other, out in zip(lefts, right, found, strict=True):
        torch.mm(one, other, out=out)
    return found


def _second_moments(x: torch.Tensor) -> torch.Tensor:
    """Products of columns (lanes, width, width), on a CPU the lower triangle alone: no more is read of them."""
    if x.device.type != "cpu":
        return x.mT @ x
    lanes, _, width = x.shape
    found = x.new_zeros(lanes, width, width)
    for lane, out in zip(x, found, strict=True):
        for first in range(0, width, _BLOCK):
            last = min(first + _BLOCK, width)
            out[first:last, :last] = lane[:, first:last].mT @ lane[:, :last]
    return found


def _or_one(spread: torch.Tensor) -> torch.Tensor:
    """Like StandardScaler: a feature that never changes is not scaled."""
    return torch.where(spread > 1e-6, spread, 1.0)


@torch.no_grad()
def _fit_chunk(
    features: torch.Tensor, layout: _Layout, penalty: float, tolerance: float, steps: int
) -> _Fitted:
    """Weights (lanes, padded, width), intercepts, and steps (lanes, problems)."""
    lanes = _Lanes(features, layout, penalty)
    weights = features.new_zeros(len(features), layout.padded, features.shape[2] + 1)
    scores = features.new_zeros(len(features), layout.padded, features.shape[1])
    loss, slopes = layout.losses(scores)
    gradient = lanes.gradient(slopes, weights)
    memory = _Memory(lanes, layout)
    rounds = torch.zeros(loss.shape, dtype=torch.int64, device=features.device)
    for _ in range(steps):
        worst = (gradient.abs().amax(-1) / layout.counts)[..., None] * layout.member
        learning = worst.amax(1) > tolerance
        if not learning.any():
            break
        rounds += learning
        direction = -memory.times(gradient)
        moved = lanes.scores(direction)
        slope = layout.dot(gradient, direction)
        step, scores, loss, slopes = _line_search(
            layout, penalty, scores, moved, weights, direction, loss, slope, learning
        )
        change = direction * layout.spread(step)
        weights = weights + change
        loss = loss + penalty / 2 * layout.dot(weights[..., :-1], weights[..., :-1])
        latest = lanes.gradient(slopes, weights)
        memory.add(change, latest - gradient)
        gradient = latest
        if not step.any():
            break
    return *lanes.raw(weights), rounds


def _line_search(
    layout: _Layout,
    penalty: float,
    scores: torch.Tensor,
    moved: torch.Tensor,
    weights: torch.Tensor,
    direction: torch.Tensor,
    loss: torch.Tensor,
    slope: torch.Tensor,
    learning: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Steps (lanes, problems) that lower the objective enough; 0 where none does or nothing is left to learn.

    Beside them scores after the steps, losses without penalty, and slopes.
    """
    along = layout.dot(weights[..., :-1], direction[..., :-1])
    length = layout.dot(direction[..., :-1], direction[..., :-1])
    start = layout.dot(weights[..., :-1], weights[..., :-1])
    step = learning.to(loss.dtype)
    # Below the rounding of the loss itself, nothing can be told.
    slack = 8 * torch.finfo(loss.dtype).eps * loss.abs()
    for trial in range(_HALVINGS + 1):
        there = scores + moved * layout.spread(step)
        found, slopes = layout.losses(there)
        if trial == _HALVINGS:
            break
        penalised = found + penalty / 2 * (start + 2 * step * along + step.square() * length)
        enough = penalised <= loss + 1e-4 * step * slope + slack
        if (enough | ~learning).all():
            break
        # The last trial is of what is left: no step where none was small enough.
        smaller = step / 2 if trial < _HALVINGS - 1 else torch.zeros_like(step)
        step = torch.where(enough, step, smaller)
    return step, there, found, slopes


class _Memory:
    """The last steps of every problem: what L-BFGS makes of a gradient."""

    def __init__(self, lanes: _Lanes, layout: _Layout) -> None:
        self._lanes, self._layout = lanes, layout
        self._pairs: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self._scale: torch.Tensor | None = None

    def add(self, change: torch.Tensor, difference: torch.Tensor) -> None:
        """Remember a step and the change of the gradient."""
        product = self._layout.dot(change, difference)
        # Where a problem stood still or rounding hides its curvature, the pair says nothing.
        useful = product > 1e-10
        inverse = torch.where(useful, 1 / product.clamp(min=1e-10), 0.0)
        self._pairs = [*self._pairs, (change, difference, inverse)][-MEMORY:]
        length = self._layout.dot(difference, self._lanes.precondition(difference))
        scale = torch.where(useful, product / length.clamp(min=1e-20), 1.0)
        if self._scale is not None:
            scale = torch.where(useful, scale, self._scale)
        self._scale = scale

    def times(self, gradient: torch.Tensor) -> torch.Tensor:
        """Inverse curvature times a gradient (Nocedal and Wright, algorithm 7.4)."""
        dot, spread = self._layout.dot, self._layout.spread
        rest, factors = gradient.clone(), []
        for change, difference, inverse in reversed(self._pairs):
            factor = dot(change, rest) * inverse
            rest -= spread(factor) * difference
            factors.append(factor)
        found = self._lanes.precondition(rest)
        if self._scale is not None:
            found *= spread(self._scale)
        for (change, difference, inverse), factor in zip(
            self._pairs, reversed(factors), strict=True
        ):
            found += spread(factor - dot(difference, found) * inverse) * change
        return found
