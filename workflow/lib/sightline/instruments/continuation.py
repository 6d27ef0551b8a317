"""Several questions about the same image tokens, the shared work done once.

Visual tokens come before the question and attention is causal, so the question cannot change their
keys and values (neo2025 section 2.3). Under one set of replaced tokens several questions therefore
share everything up to the end of the image; only question and answer are computed anew. The
answers are those of plain greedy generation.
"""

import copy

import torch

from sightline.errors import SightlineError
from sightline.models.prompts import Prompt
from sightline.models.vlm import VLM


class Continuation:
    """The part of a prompt up to its last image token, for several versions of the image tokens."""

    @torch.no_grad()
    def __init__(self, vlm: VLM, prompt: Prompt, image_tokens: torch.Tensor) -> None:
        """Run the shared part.

        Args:
            vlm: the model.
            prompt: any prompt with the image; those asked later must begin like it.
            image_tokens: (versions, tokens, width).
        """
        self._vlm = vlm
        self._ids = prompt.input_ids
        self._shared = int(prompt.roles.image[-1]) + 1
        self._versions = len(image_tokens)
        embeddings = vlm.embed(prompt, image_tokens)[:, : self._shared]
        self._cache = vlm.model(
            inputs_embeds=embeddings, use_cache=True, logits_to_keep=1
        ).past_key_values

    @torch.no_grad()
    def logits(self, prompt: Prompt) -> torch.Tensor:
        """Logits after the last position of the prompt, (versions, vocabulary) float32."""
        return self._ask(prompt)[0].float()

    @torch.no_grad()
    def generate(self, prompt: Prompt, max_new_tokens: int) -> tuple[list[str], torch.Tensor]:
        """Greedy answers, decoded without special tokens.

        Returns:
            One answer per version, and the logits of the first new token, (versions, vocabulary)
            float32.
        """
        logits, cache = self._ask(prompt)
        first = logits.float()
        ends = torch.tensor(self._vlm.model.generation_config.eos_token_id, device=first.device)
        running = torch.arange(self._versions, device=first.device)
        answers: list[list[int]] = [[] for _ in range(self._versions)]
        for step in range(max_new_tokens):
            tokens = logits.argmax(-1)
            for version, token in zip(running.tolist(), tokens.tolist(), strict=True):
                answers[version].append(token)
            going = ~torch.isin(tokens, ends)
            if not going.any() or step == max_new_tokens - 1:
                break
            if not going.all():
                # Finished answers leave the batch: what is left gets cheaper at every end.
                cache.batch_select_indices(going.nonzero()[:, 0])
                running, tokens = running[going], tokens[going]
            out = self._vlm.model(
                input_ids=tokens[:, None], past_key_values=cache, use_cache=True, logits_to_keep=1
            )
            logits = out.logits[:, -1]
        return [self._vlm.decode(answer) for answer in answers], first

    def _ask(self, prompt: Prompt):
        shared = self._shared
        if not torch.equal(prompt.input_ids[:shared], self._ids[:shared]):
            raise SightlineError(
                "continuation: the prompts differ before the end of the image; ask them separately."
            )
        # The cache grows in place, and the next question needs it as it was.
        cache = copy.deepcopy(self._cache)
        suffix = prompt.input_ids[shared:].to(self._vlm.model.device)
        out = self._vlm.model(
            input_ids=suffix.expand(self._versions, -1),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return out.logits[:, -1], out.past_key_values
