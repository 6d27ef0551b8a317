"""Logit lens: which words a hidden state would speak, were it the last (neo2025 section 4.1).

p = softmax(W_U norm(h)) with the model's final norm and unembedding, for every layer and position.
Logits of (layers x rows) states over the vocabulary are never held together: chunks of rows are
multiplied out, and only the best entries and the ranks of asked words stay.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from sightline.errors import SightlineError
from sightline.models.vlm import VLM

# Logits exist for so many bytes at a time: on a CPU few enough to stay in its caches, on a GPU
# enough to keep it busy.
_LOGIT_BYTES = 2**25
_LOGIT_BYTES_GPU = 2**29
# Entries whose largest stands for all of them while the best are looked for.
_GROUP = 64

Vectors = Literal["unembedding", "input embeddings"]


class LensError(SightlineError):
    """What was asked of the lens cannot be answered."""


@dataclass(frozen=True, eq=False)
class Lens:
    """What the lens shows, on the model's device.

    Attributes:
        tokens: best vocabulary entries, best first, (layers, rows, k) int64; equal logits by entry.
        logits: of these, (layers, rows, k) float32.
        log_probabilities: of these, natural, (layers, rows, k) float32.
        ranks: entries of the vocabulary before the best entry of each word, 0 if none, (layers,
            rows, words) int64.
        word_log_probabilities: of all entries of each word together, (layers, rows, words) float32.
    """

    tokens: torch.Tensor
    logits: torch.Tensor
    log_probabilities: torch.Tensor
    ranks: torch.Tensor
    word_log_probabilities: torch.Tensor


@torch.no_grad()
def logit_lens(
    vlm: VLM,
    states: torch.Tensor,
    k: int = 10,
    words: Sequence[Sequence[int]] = (),
    normed: bool | Sequence[bool] = False,
    vectors: Vectors = "unembedding",
) -> Lens:
    """Read states through the unembedding.

    Args:
        vlm: the model.
        states: residual streams as `capture` gives them, (layers, rows, width).
        k: best entries kept.
        words: each the vocabulary entries that stand for one word, as `word_tokens` finds them.
        normed: whether states went through the final norm already, for all layers or each; true
            for the last of transformers' own hidden states only, false for all that `capture`
            gives. A second norm is the authors' defect in the last layer.
        vectors: "unembedding", or as a control "input embeddings", the rows by which tokens enter
            the model.

    Raises:
        LensError: k, words, normed or the states' shape do not fit the model.

    Source: neo2025 section 4.1; norm of the last state: `lvlm_lens.py` norms it twice.
    """
    weight, bias = _rows_of(vlm, vectors)
    _check(states, k, words, weight)
    layers, rows, _ = states.shape
    done = torch.tensor([normed] * layers if isinstance(normed, bool) else list(normed))
    if len(done) != layers:
        raise LensError(f"lens: normed has {len(done)} entries for {layers} layers.")
    done = done.repeat_interleave(rows)
    words = [sorted(set(word)) for word in words]
    norm = vlm.adapter.final_norm(vlm.model)
    flat, parts = states.flatten(0, 1), []
    for window in _windows(len(flat), weight):
        chunk = flat[window].to(weight)
        bare = ~done[window, None].to(chunk.device)
        if bare.any():
            chunk = torch.where(bare, norm(chunk), chunk)
        parts.append(_read(torch.nn.functional.linear(chunk, weight, bias), k, words))
    lens = Lens(
        *(torch.cat(field).unflatten(0, (layers, rows)) for field in zip(*parts, strict=True))
    )
    if lens.log_probabilities.isnan().any():
        raise LensError(
            "lens: some states lead to logits that are not numbers. Capture them in a type with a "
            "wider range, such as bfloat16."
        )
    return lens


def word_tokens(tokenizer: Any, words: str | Sequence[str], whole: bool = False) -> tuple[int, ...]:
    """First sub-tokens of a word in all the ways it is written.

    In running text and at the start of a line, in small letters, as given, and capitalised.

    Args:
        tokenizer: of the model.
        words: a word, or several that count as one, such as singular and plural.
        whole: only spellings that are a single token, so that no other word shares it.

    Returns:
        Sorted, each once.

    Raises:
        LensError: no spelling has a token of its own.
    """
    words = [words] if isinstance(words, str) else list(words)
    found = set()
    for word in words:
        for spelling in {word, word.lower(), word.capitalize()}:
            for before, gap in (("a", " "), ("a\n", "")):
                context = tokenizer.encode(before, add_special_tokens=False)
                ids = tokenizer.encode(before + gap + spelling, add_special_tokens=False)
                own = ids[len(context) :]
                # A tokenizer may merge a word with what stands before it.
                if ids[: len(context)] != context or not own or (whole and len(own) > 1):
                    continue
                if tokenizer.unk_token_id not in own:
                    found.add(own[0])
    if not found:
        kind = "single token" if whole else "token of its own"
        raise LensError(f"lens: {', '.join(words)}: no spelling is a {kind} in the vocabulary.")
    return tuple(sorted(found))


def _windows(rows: int, weight: torch.Tensor) -> Iterator[slice]:
    """Slices of rows whose logits fit the budget."""
    budget = _LOGIT_BYTES if weight.device.type == "cpu" else _LOGIT_BYTES_GPU
    size = max(1, budget // (4 * len(weight)))
    for start in range(0, rows, size):
        yield slice(start, start + size)


def _read(logits: torch.Tensor, k: int, words: Sequence[Sequence[int]]) -> tuple[torch.Tensor, ...]:
    """Fields of `Lens`, each (rows, ...), from logits (rows, vocabulary)."""
    values, tokens = stable_top(logits, k)
    spoken = logits.log_softmax(-1, dtype=torch.float32)
    ranks = [_rank(logits, word) for word in words]
    said = [spoken[:, word].logsumexp(-1) for word in words]
    none = tokens[:, :0]
    return (
        tokens,
        values.float(),
        spoken.gather(-1, tokens),
        torch.stack(ranks, -1) if words else none,
        torch.stack(said, -1) if words else none.float(),
    )


def stable_top(logits: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The k largest of each row, largest first, equal ones by column.

    Whoever is among the k largest lies in one of the k groups of columns with the largest maxima
    (ties again by place), so only maxima and k small groups are sorted.

    Args:
        logits: (rows, columns), no NaN.
        k: at most the number of columns.

    Returns:
        Values and columns, each (rows, k).
    """
    columns = logits.shape[1]
    whole = columns // _GROUP
    maxima = [logits[:, : whole * _GROUP].unflatten(1, (whole, _GROUP)).amax(-1)]
    if columns > whole * _GROUP:
        maxima.append(logits[:, whole * _GROUP :].amax(-1, keepdim=True))
    groups = _first(torch.cat(maxima, 1), min(k, len(maxima) - 1 + whole)).sort(-1).values
    places = (groups[..., None] * _GROUP + torch.arange(_GROUP, device=logits.device)).flatten(1)
    values = logits.gather(1, places.clamp(max=columns - 1))
    values.masked_fill_(places >= columns, -torch.inf)
    order = _first(values, k)
    return values.gather(1, order), places.gather(1, order)


def _first(values: torch.Tensor, k: int) -> torch.Tensor:
    """Columns of the k largest, equal ones by column, (rows, k)."""
    return values.sort(dim=-1, descending=True, stable=True).indices[:, :k]


def _rank(logits: torch.Tensor, word: Sequence[int]) -> torch.Tensor:
    """Columns before the best of a word's, (rows,); among equal ones the first comes first."""
    ranks = []
    for token in word:
        own = logits[:, token, None]
        before = (logits[:, :token] >= own).sum(-1)
        ranks.append(before + (logits[:, token + 1 :] > own).sum(-1))
    return torch.stack(ranks).amin(0)


def _rows_of(vlm: VLM, vectors: Vectors) -> tuple[torch.Tensor, torch.Tensor | None]:
    if vectors == "unembedding":
        module = vlm.model.get_output_embeddings()
        return module.weight, getattr(module, "bias", None)
    if vectors == "input embeddings":
        return vlm.model.get_input_embeddings().weight, None
    raise LensError(f"lens: vectors {vectors!r}; give 'unembedding' or 'input embeddings'.")


def _check(
    states: torch.Tensor, k: int, words: Sequence[Sequence[int]], weight: torch.Tensor
) -> None:
    entries, width = weight.shape
    if states.numel() == 0:
        raise LensError(f"lens: no states, shape {tuple(states.shape)}.")
    if states.ndim != 3 or states.shape[-1] != width:
        raise LensError(
            f"lens: states of shape {tuple(states.shape)}; expected (layers, rows, {width})."
        )
    if not 1 <= k <= entries:
        raise LensError(f"lens: the best {k} of {entries} entries; give k from 1 to {entries}.")
    for number, word in enumerate(words):
        if not word or not 0 <= min(word) <= max(word) < entries:
            raise LensError(
                f"lens: word {number} is {list(word)}; give at least one entry, from 0 to "
                f"{entries - 1}."
            )
