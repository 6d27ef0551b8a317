"""Operations of every rule that runs a model, from the protocol's own lists of conditions and the cost of replay.

A condition costs its cone: the rows from the first one that it changes to the end, in the layers from the first one
that it changes (`sightline.instruments.replay`). Conditions that generate run side by side, so a step reads the
weights once for all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sightline.report.plan import counts
from sightline.report.plan.cost import BACKWARD, cone, read, rows, say, see
from sightline.report.plan.run import Run
from sightline.report.plan.shapes import Shape
from sightline.studies.kaduri2025 import windows
from sightline.studies.kaduri2025.knockout import conditions
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.knockout import pairs

TEXT = 40
"""Positions of a prompt beside the image, the template counted; of them QUESTION stand behind the image."""
QUESTION = 20
SENTENCE = 20
"""Tokens of an answer that ends by itself, such as that a mask follows."""


@dataclass(frozen=True)
class Work:
    """What a job makes a card do.

    Attributes:
        flops: operations.
        steps: times that all weights are read.
    """

    flops: float
    steps: float

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.steps + other.steps)

    def __mul__(self, times: float) -> "Work":
        return Work(self.flops * times, self.steps * times)


def _positions(run: Run, model: str) -> int:
    return run.image_tokens(model) + TEXT


def _shape(run: Run, model: str) -> Shape | None:
    """Shape of a language model with its tower, or None."""
    shape = run.shape(model)
    return shape if shape and shape.language else None


def _look(run: Run, model: str, shape: Shape) -> Work:
    """One image through the tower, and one prompt about it."""
    seen = see(shape, run.tiles(model))
    return Work(seen + read(shape, _positions(run, model)), 1)


def _answers(run: Run, model: str, shape: Shape, tokens: int, together: float) -> Work:
    """Answers that are generated side by side, the prompt not counted."""
    return Work(together * say(shape, _positions(run, model), tokens), tokens)


def tower_alone(run: Run, model: str) -> Work | None:
    """cache_image_tokens."""
    shape, images = _shape(run, model), counts.reference_images(run).number
    return None if shape is None else Work(see(shape, images), images)


def encoder_alone(run: Run, encoder: str) -> Work | None:
    """extract_features, and caption_images without the text decoder."""
    shape, images = run.shape(encoder), counts.probed(run).images
    if shape is None or (shape.tower is None and not shape.patch):
        return None
    return Work(see(shape, images), images / run.entry(encoder).get("batch_size", 32))


def described_thrice(run: Run, model: str) -> Work | None:
    """select_objects: the image, and two kinds of noise in place of its object, each described."""
    shape = _shape(run, model)
    if shape is None:
        return None
    tokens = run.study("neo2025")["max_new_tokens"]["generative"]
    each = _look(run, model, shape) * 3 + _answers(run, model, shape, tokens, 3)
    return each * counts.candidates(run).number


def replaced_tokens(run: Run, model: str) -> Work | None:
    """ablate_tokens: gradients, then every subset of image tokens under three settings."""
    shape = _shape(run, model)
    if shape is None:
        return None
    study, tokens = run.study("neo2025"), run.image_tokens(model)
    cones = [_changed(one.tokens, tokens) for one in _subsets(study, tokens)]
    positions, settings = _positions(run, model), 3
    gradients = 2 * study["integration_steps"] * BACKWARD * read(shape, positions)
    # Settings share the rows of the image; each has its own question behind it.
    replayed = sum(
        cone(shape, positions, rows_ + settings * QUESTION) if rows_ else 0 for rows_ in cones
    )
    lengths = study["max_new_tokens"]
    answers = [
        _answers(run, model, shape, most, len(cones))
        for most in (lengths["generative"], lengths["polling"], 1)
    ]
    each = Work(gradients + replayed, 2 * study["integration_steps"] * BACKWARD + len(cones))
    each += _look(run, model, shape) + Work(see(shape, run.tiles(model)), 1)
    return sum(answers, each) * counts.tasks(run).number


def _subsets(study: dict, tokens: int) -> Sequence[subsets.Subset]:
    """Subsets of one image, as the study builds them for an object of a twentieth of it and its rings."""
    side = max(1, round((tokens / 20) ** 0.5))
    objects = {n: np.arange(min(tokens, (side + 2 * n) ** 2)) for n in study["buffers"]}
    scores = {
        name: np.arange(tokens, dtype=float)
        for name in (subsets.IG_YES, subsets.IG_CODE, subsets.IG_CLASS)
    }
    outliers = np.arange(min(5, tokens))
    registers = {subsets.PROJECTOR: outliers, subsets.TOWER: outliers}
    evidence = subsets.Evidence(objects, objects, registers, scores)
    built = subsets.build_subsets(
        evidence, tokens, study["subset_sizes"], study["random_draws"], (0, 0, 0)
    )
    # Noise in a few patches changes what the tower makes of all of them.
    noises = [
        subsets.Subset(subsets.NOISE, subsets.NOISE, tile, np.arange(tokens))
        for tile in subsets.TILES
    ]
    return [*built, *noises]


def _changed(chosen: np.ndarray, tokens: int) -> float:
    """Rows of the image from the first replaced one on, for tokens anywhere: the first of n lies at 1 / (n + 1)."""
    return tokens * len(chosen) / (len(chosen) + 1) if len(chosen) else 0


def cut_attention(run: Run, model: str) -> Work | None:
    """block_attention: every pair of tokens and rows in every window of layers."""
    shape = _shape(run, model)
    if shape is None:
        return None
    assert shape.language is not None
    positions, depth = _positions(run, model), shape.language.layers
    row = round(shape.image_tokens**0.5)
    changed = {pairs.LAST: 1, pairs.LAST_ROW: row + QUESTION}
    cut = [
        cone(shape, positions, changed.get(pair.target, QUESTION), depth - window.first)
        for pair, _, window in pairs.cuts(depth)
    ]
    each = _look(run, model, shape) + Work(sum(cut), len(pairs.TARGETS))
    return each * counts.questions(run).number


def lens(run: Run, model: str) -> Work | None:
    """read_lens: every state of every image token against the vocabulary, spoken and entering."""
    shape = _shape(run, model)
    if shape is None:
        return None
    assert shape.language is not None
    states = 2 * (shape.language.layers + 1) + 1
    product = 2 * shape.language.width * shape.words * run.image_tokens(model) * states
    return (_look(run, model, shape) + Work(product, 0)) * counts.lens_images(run).number


def number_words(run: Run, model: str) -> Work | None:
    """replace_number_words: at most one replay of every image of the lens."""
    shape = _shape(run, model)
    return (
        None if shape is None else _look(run, model, shape) * (2 * counts.lens_images(run).number)
    )


def described(run: Run, model: str) -> Work | None:
    """read_attention: one description per image, with attention kept."""
    shape, study = _shape(run, model), run.study("kaduri2025")
    if shape is None:
        return None
    each = _look(run, model, shape) + _answers(run, model, shape, study["max_new_tokens"], 1)
    return each * study["images"]["count"]


def few_tokens(run: Run, model: str) -> Work | None:
    """hide_tokens: descriptions that see a part of the image tokens."""
    shape, study = _shape(run, model), run.study("kaduri2025")
    if shape is None:
        return None
    # Three scores, the first in two more forms, and chance, drawn again where few tokens are left.
    tried = sum(5 + (study["random_draws"] if share <= 10 else 1) for share in study["top_shares"])
    # At the share that the claim rests on, chance also in the middle layers and with the last position restricted.
    tried += 3 + 2 * study["random_draws"]
    each = _look(run, model, shape) + _answers(run, model, shape, study["max_new_tokens"], tried)
    return each * study["images"]["count"]


def without_image(run: Run, model: str) -> Work | None:
    """describe_without_image: the image hidden in sets of layers, from two groups of rows and both."""
    shape, study = _shape(run, model), run.study("kaduri2025")
    if shape is None:
        return None
    assert shape.language is not None
    depth, middle = shape.language.layers, study["middle"]
    named = middle.get("layers", {}).get(model)
    window = (
        windows.named_middle(depth, *named)
        if named
        else windows.middle(depth, middle["first"], middle["last"])
    )
    knockout = study["knockout"]
    layout = conditions.Layout.of(depth, window, knockout["points"], knockout["window_step"])
    each = Work(0, 0)
    for wording in conditions.WORDINGS:
        cuts = {cut.key: cut for cut in layout.cuts(wording)}.values()
        replayed = [
            rows(shape.language, QUESTION, _positions(run, model), depth - min(cut.hidden))
            for cut in cuts
            if cut.condition != conditions.GENERATED
        ]
        # Nothing hidden, and the image of another scene, stand beside them.
        each += _look(run, model, shape) * 2 + Work(sum(replayed), 1)
        each += _answers(run, model, shape, study["max_new_tokens"], len(cuts) + 2)
    return each * study["images"]["count"]


def told(run: Run, model: str) -> Work | None:
    """read_similarity_maps: question and given answer in one pass."""
    shape = _shape(run, model)
    return None if shape is None else _look(run, model, shape) * counts.queries(run).number


def masks(run: Run, model: str) -> Work | None:
    """measure_masks: the model's SAM and the unmodified one; their decoders are small."""
    shape = run.shape(run.study("qian2025")["sam"])
    asked = counts.queries(run).number
    return None if shape is None or shape.tower is None else Work(2 * see(shape, asked), 2 * asked)


def heard(run: Run, model: str) -> Work | None:
    """measure_expressions: a generated answer and both masks."""
    shape, sam = _shape(run, model), run.shape(run.study("qian2025")["sam"])
    if shape is None or sam is None:
        return None
    each = _look(run, model, shape) + _answers(run, model, shape, SENTENCE, 1)
    return (each + Work(2 * see(sam, 1), 2)) * counts.expressions(run).number


WORKS: dict[str, tuple[Callable[[Run, str], Work | None], str]] = {
    "cache_image_tokens": (tower_alone, "model"),
    "select_objects": (described_thrice, "model"),
    "ablate_tokens": (replaced_tokens, "model"),
    "block_attention": (cut_attention, "model"),
    "read_lens": (lens, "model"),
    "replace_number_words": (number_words, "model"),
    "read_attention": (described, "model"),
    "hide_tokens": (few_tokens, "model"),
    "describe_without_image": (without_image, "model"),
    "read_similarity_maps": (told, "model"),
    "measure_masks": (masks, "model"),
    "measure_expressions": (heard, "model"),
    "extract_features": (encoder_alone, "encoder"),
    "caption_images": (encoder_alone, "encoder"),
}
"""Rule -> its operations, and the wildcard that names the model."""

UNRECKONED = {
    "answer_again": "depends on how many pairs the data set of the user has",
    "prune_image_tokens": "likewise; a small part of answer_again",
    "collect_attention_routes": "a few images for a page",
    "collect_object_tokens": "a few images for a page",
    "collect_lens_page": "a few images for a page",
    "collect_ablation_example": "one image for a figure",
    "decode_pairs": "fits of small probes",
    "decode_global": "fits of small probes",
    "test_failures": "fits of small probes",
    "map_similarity": "fits of small probes",
    "measure_segmenter_variants": "demo models alone",
    "compare_nouns": "only for queries that tell what they ask for, which no official file does",
}
"""Rules that run on a GPU and whose hours are not in the total, and why."""


def memory(run: Run, model: str) -> float | None:
    """Bytes on a card: weights, and for a batch of prompts keys, values and residual streams of all layers."""
    shape, weights = run.shape(model), run.weight_bytes(model)
    if shape is None or weights is None:
        return None
    batch = run.entry(model).get("batch_size", 16)
    stack = shape.language or shape.tower
    if stack is None:
        return None
    positions = _positions(run, model) if shape.language else shape.patches
    # An encoder keeps the states of all layers; a language model their keys and values besides.
    kept = stack.width * (stack.layers + 1) + (
        2 * stack.keys * stack.layers if shape.language else 0
    )
    return weights + batch * positions * kept * run.dtype(model)
