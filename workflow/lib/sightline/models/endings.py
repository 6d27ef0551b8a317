"""Greedy answers, and where they end."""

from collections.abc import Sequence

from transformers import GenerationConfig, PreTrainedTokenizerBase

from sightline.models.registry import ModelError, ModelSource


def greedy_generation(
    settings: GenerationConfig,
    tokenizer: PreTrainedTokenizerBase,
    stop: Sequence[str],
    source: ModelSource,
) -> GenerationConfig:
    """Settings under which the likeliest word follows, and answers end where the template says so.

    Of a checkpoint's own settings only special tokens are taken over: sampling, penalties and words that it forbids
    would make ``generate`` answer otherwise than a replay, which takes the likeliest word.

    Args:
        settings: of the checkpoint.
        tokenizer: of the model; pads where the settings name no padding.
        stop: tokens that end an answer, beside those of the settings.
        source: the model's entry in the configuration.

    Raises:
        ModelError: the tokenizer lacks one of the tokens.
    """
    ends = settings.eos_token_id
    ends = [] if ends is None else list(ends) if isinstance(ends, Sequence) else [ends]
    if not ends and tokenizer.eos_token_id is not None:
        ends = [tokenizer.eos_token_id]
    vocabulary = tokenizer.get_vocab()
    for token in stop:
        if token not in vocabulary:
            raise ModelError(
                f"models.{source.key}.prompt: {source.prompt} ends answers with {token}, "
                "which this tokenizer lacks. Take the template the checkpoint was trained with."
            )
        ends.append(vocabulary[token])
    pad = settings.pad_token_id
    if pad is None:
        pad = tokenizer.pad_token_id
    if pad is None:
        pad = next(iter(ends), None)
    return GenerationConfig(
        bos_token_id=settings.bos_token_id,
        eos_token_id=list(dict.fromkeys(ends)) or None,
        pad_token_id=pad,
    )
