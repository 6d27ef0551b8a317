"""Which image tokens each condition replaces.

The published subsets are the object with 0, 1 and 2 rings of neighbours, register tokens, and fixed
numbers of random and of high-gradient tokens. A fixed 40 against an object of another size compares
two things at once, so random and gradient subsets of exactly the object's size are added for every
buffer (neo2025 section 3.2, and U3 for the addition).

Variants keep the authors' defects apart from the corrected protocol:

mask            object patches from the mask in the tower's own frame
code_geometry   object patches as the authors' code finds them, drifting and with lost vertices
anywhere        random tokens from the whole image, as published
outside         random tokens from beyond the object and the rings around it
ig_yes          gradients of the "Yes" logit under the polling question
ig_code         gradients of the first id of the encoded "Yes", for many tokenizers the start token
ig_class        gradients of the object's own first sub-token, VQA question and setting only
projector       register tokens by the norms of image tokens, as published
tower           register tokens by the norms of the tower's patches, where registers were first described
independent     noise of its own in every patch
repeated        the same tile of noise in every patch, as published
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.errors import SightlineError

NONE = "none"
ALL = "all_tokens"
NOISE = "image_noise"
REGISTER = "register"
OBJECT = "object"
RANDOM = "random"
GRADIENTS = "int_gradients"

MASK, CODE_GEOMETRY = "mask", "code_geometry"
ANYWHERE, OUTSIDE = "anywhere", "outside"
IG_YES, IG_CODE, IG_CLASS = "ig_yes", "ig_code", "ig_class"
PROJECTOR, TOWER = "projector", "tower"
TILES = INDEPENDENT, REPEATED = "independent", "repeated"

Tokens = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Subset:
    """Tokens that one condition replaces.

    Attributes:
        condition: unique name together with variant and draw, such as object_plus_1 or random_40.
        family: none, object, register, random, int_gradients, all_tokens or image_noise.
        variant: see the module; empty where there is only one.
        tokens: sorted token indices, (n,) int64.
        size: the fixed number of tokens asked for; None elsewhere.
        draw: number of the random draw, 0 elsewhere.
        like: object condition whose size a matched subset has; empty elsewhere.
    """

    condition: str
    family: str
    variant: str
    tokens: Tokens
    size: int | None = None
    draw: int = 0
    like: str = ""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the subsets of one image are built from.

    Attributes:
        objects: buffer -> tokens of object and rings, from the mask; buffers ascending.
        published_objects: the same by the authors' geometry; empty where that finds no patch.
        registers: variant -> tokens of outlying norm.
        scores: gradient variant -> score of every token, (tokens,).
    """

    objects: Mapping[int, Tokens]
    published_objects: Mapping[int, Tokens]
    registers: Mapping[str, Tokens]
    scores: Mapping[str, NDArray[np.floating]]


def object_condition(buffer: int) -> str:
    """Name of the object subset with that many rings."""
    return OBJECT if buffer == 0 else f"{OBJECT}_plus_{buffer}"


def matched_condition(family: str, buffer: int) -> str:
    """Name of the random or gradient subset that has the size of an object subset."""
    return f"{family}_like_{object_condition(buffer)}"


def sized_condition(family: str, n: int) -> str:
    """Name of the random or gradient subset of a fixed size."""
    return f"{family}_{n}"


def build_subsets(
    evidence: Evidence,
    tokens: int,
    sizes: Sequence[int],
    draws: int,
    seed: Sequence[int],
) -> list[Subset]:
    """All subsets of one image and object; the first replaces nothing, the last everything.

    Args:
        evidence: of this image.
        tokens: image tokens in all; sizes above it are left out, as are matched random subsets that
            do not fit outside the object.
        sizes: fixed sizes of random and gradient subsets.
        draws: random subsets per size.
        seed: run, image and object, so that no subset depends on the order of images.

    Raises:
        SightlineError: an object without tokens or a score of another length.
    """
    for buffer, found in evidence.objects.items():
        if not len(found):
            raise SightlineError(f"subsets of {list(seed)}: no token for buffer {buffer}.")
    for variant, scores in evidence.scores.items():
        if len(scores) != tokens:
            raise SightlineError(
                f"subsets of {list(seed)}: {len(scores)} {variant} scores for {tokens} tokens."
            )
    subsets = [Subset(NONE, NONE, "", np.empty(0, np.int64))]
    for variant, objects in (
        (MASK, evidence.objects),
        (CODE_GEOMETRY, evidence.published_objects),
    ):
        subsets += [
            Subset(object_condition(buffer), OBJECT, variant, found)
            for buffer, found in objects.items()
        ]
    subsets += [
        Subset(REGISTER, REGISTER, variant, found) for variant, found in evidence.registers.items()
    ]
    for variant, scores in evidence.scores.items():
        subsets += _by_gradient(evidence, scores, variant, fitting(sizes, tokens))
    subsets += _by_chance(evidence, tokens, fitting(sizes, tokens), draws, seed)
    return [*subsets, Subset(ALL, ALL, "", np.arange(tokens))]


def fitting(sizes: Sequence[int], tokens: int) -> list[int]:
    """The sizes that an image of so many tokens can hold."""
    return [n for n in sizes if n <= tokens]


def _by_gradient(
    evidence: Evidence, scores: NDArray[np.floating], variant: str, sizes: Sequence[int]
) -> list[Subset]:
    ranked = np.argsort(-np.asarray(scores), kind="stable")

    def top(condition: str, n: int, **origin: int | str) -> Subset:
        return Subset(condition, GRADIENTS, variant, np.sort(ranked[:n]), **origin)

    fixed = [top(sized_condition(GRADIENTS, n), n, size=n) for n in sizes]
    matched = [
        top(matched_condition(GRADIENTS, buffer), len(found), like=object_condition(buffer))
        for buffer, found in evidence.objects.items()
    ]
    return fixed + matched


def _by_chance(
    evidence: Evidence, tokens: int, sizes: Sequence[int], draws: int, seed: Sequence[int]
) -> list[Subset]:
    everywhere = np.arange(tokens)
    beyond = np.setdiff1d(everywhere, evidence.objects[max(evidence.objects)])
    subsets = []

    def add(condition: str, n: int, variant: str, **origin: int | str) -> None:
        pool = beyond if variant == OUTSIDE else everywhere
        if n > len(pool):
            return
        for draw in range(draws):
            # Every subset has its own stream: leaving one size out must not change the others.
            stream = zlib.crc32(f"{condition} {variant}".encode())
            rng = np.random.default_rng([*seed, stream, draw])
            chosen = np.sort(rng.choice(pool, n, replace=False))
            subsets.append(Subset(condition, RANDOM, variant, chosen, draw=draw, **origin))

    for n in sizes:
        add(sized_condition(RANDOM, n), n, ANYWHERE, size=n)
    for buffer, found in evidence.objects.items():
        name, like = matched_condition(RANDOM, buffer), object_condition(buffer)
        for variant in (ANYWHERE, OUTSIDE):
            add(name, len(found), variant, like=like)
    return subsets
