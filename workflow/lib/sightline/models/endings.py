"""Where greedy answers end."""

from collections.abc import Sequence

from transformers import GenerationConfig, PreTrainedTokenizerBase

from sightline.models.registry import ModelError, ModelSource


def complete_generation(
    settings: GenerationConfig,
    tokenizer: PreTrainedTokenizerBase,
    stop: Sequence[str],
    source: ModelSource,
) -> None:
    """End answers where the template says so, and pad where a checkpoint names no padding.

    Args:
        settings: of the model; changed.
        tokenizer: of the model.
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
    settings.eos_token_id = list(dict.fromkeys(ends)) or None
    if settings.pad_token_id is None:
        pad = tokenizer.pad_token_id
        settings.pad_token_id = next(iter(ends), None) if pad is None else pad
