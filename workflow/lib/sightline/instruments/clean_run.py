"""The clean pass over a prompt, with everything a replay needs to start anywhere in it."""

from typing import Any

import torch
from transformers import DynamicCache

from sightline.errors import SightlineError
from sightline.instruments.row_attention import refuse_condition
from sightline.models.prompts import Prompt
from sightline.models.vlm import VLM


class ReplayError(SightlineError):
    """A prompt or model that cannot be replayed."""


def check_window(vlm: VLM, length: int) -> None:
    """Refuse sequences longer than a model's sliding window.

    Args:
        vlm: the model.
        length: positions that are run.

    Raises:
        ReplayError: some layer would not see the beginning of the sequence.
    """
    config = vlm.adapter.text_model(vlm.model).config
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"]
    window = getattr(config, "sliding_window", None)
    if window is not None and "sliding_attention" in kinds and length > window:
        raise ReplayError(
            f"models.{vlm.key}: {length} positions, but attention reaches back only {window}. "
            "Shorten the prompt or the answer: masks of one's own know no sliding window."
        )


class CleanRun:
    """One prompt about one set of image tokens, run once without interventions.

    Attributes:
        vlm: the model.
        prompt: the question.
        image_tokens: (tokens, width), or None for a prompt without an image.
        positions: for the rotary embedding, (axes, positions).
        keys: after the rotary embedding, one (key heads, positions, head_dim) for each layer.
        values: one (key heads, positions, head_dim) for each layer.
        residual: the stream entering each layer, (positions, width), and after the last one, before the
            final norm: layers + 1 entries.
        logits: at the last position, (vocabulary,) float32.
    """

    @torch.no_grad()
    def __init__(
        self,
        vlm: VLM,
        prompt: Prompt,
        image_tokens: torch.Tensor | None = None,
        prefix: "CleanRun | None" = None,
    ) -> None:
        """Run the prompt.

        Args:
            vlm: the model.
            prompt: the question.
            image_tokens: of one image, (tokens, width); None for a prompt without an image.
            prefix: another run on the same image tokens, whose rows up to the end of the image are taken over.

        Raises:
            ReplayError: the image tokens are not those of one image, the prompt does not begin like that of
                ``prefix``, or the model attends within a window shorter than the prompt.
            AttentionError: the model runs under a condition.
        """
        refuse_condition(vlm, "clean run")
        self.vlm, self.prompt, self.image_tokens = vlm, prompt, image_tokens
        if image_tokens is not None and image_tokens.dim() != 2:
            raise ReplayError(
                f"clean run: image tokens of shape {tuple(image_tokens.shape)}; expected those of "
                "one image, (tokens, width). Make one run for each image."
            )
        self.positions = vlm.adapter.position_ids(vlm.model, prompt).to(vlm.device)
        self._config = vlm.adapter.text_model(vlm.model).config
        self.check_window(len(prompt))
        versions = None if image_tokens is None else image_tokens[None]
        cache, done = DynamicCache(), 0
        if prefix is not None:
            done = prefix.shared_with(prompt)
            for layer, (keys, values) in enumerate(zip(prefix.keys, prefix.values, strict=True)):
                cache.update(keys[None, :, :done], values[None, :, :done], layer)
        streams: list[torch.Tensor] = []
        hooks = [
            module.register_forward_pre_hook(
                lambda _, args, kwargs: streams.append(_hidden(args, kwargs)[0].detach()),
                with_kwargs=True,
            )
            for module in (*self.blocks, vlm.adapter.final_norm(vlm.model))
        ]
        try:
            out = vlm.model(
                inputs_embeds=vlm.embed(prompt, versions)[:, done:],
                position_ids=self._axes(self.positions[:, done:]),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        finally:
            for hook in hooks:
                hook.remove()
        self.logits = out.logits[0, -1].float()
        self.keys = [layer.keys[0] for layer in cache.layers]
        self.values = [layer.values[0] for layer in cache.layers]
        if prefix is not None:
            streams = [
                torch.cat([before[:done], after])
                for before, after in zip(prefix.residual, streams, strict=True)
            ]
        self.residual = streams
        self._cos, self._sin = self._rotary(self.positions)

    def ask(self, prompt: Prompt) -> "CleanRun":
        """The same image tokens under another prompt; the rows up to the end of the image are taken over."""
        if prompt is self.prompt:
            return self
        return CleanRun(self.vlm, prompt, self.image_tokens, prefix=self)

    def shared_with(self, prompt: Prompt) -> int:
        """Positions up to the end of the image, which another prompt must begin with.

        Raises:
            ReplayError: it does not, or there is no image.
        """
        if self.image_tokens is None:
            raise ReplayError("clean run: prompts without an image share nothing; run each alone.")
        shared = int(self.prompt.roles.image[-1]) + 1
        if not torch.equal(prompt.input_ids[:shared], self.prompt.input_ids[:shared]):
            raise ReplayError(
                "clean run: the prompts differ before the end of the image; ask them separately."
            )
        return shared

    @property
    def blocks(self) -> torch.nn.ModuleList:
        """Blocks of the language model."""
        return self.vlm.adapter.layers(self.vlm.model)

    @property
    def length(self) -> int:
        """Positions of the prompt."""
        return len(self.prompt)

    @property
    def heads(self) -> int:
        """Query heads of each block."""
        return self._config.num_attention_heads

    def check_window(self, length: int) -> None:
        """Refuse sequences longer than the model's sliding window; see `check_window`."""
        check_window(self.vlm, length)

    def rotary(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of some rows of the prompt, each (1, rows, head_dim)."""
        return self._cos.index_select(1, rows), self._sin.index_select(1, rows)

    def rotary_new(self, step: int, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of ``rows`` new tokens, each the one after ``step`` others."""
        positions = (self.positions.max() + 1 + step).expand(len(self.positions), 1)
        cos, sin = self._rotary(positions)
        return cos.expand(-1, rows, -1), sin.expand(-1, rows, -1)

    def unembed(self, states: torch.Tensor) -> torch.Tensor:
        """Logits of states after the last block, (rows, width) to (rows, vocabulary) float32."""
        normed = self.vlm.adapter.final_norm(self.vlm.model)(states[None])
        return self.vlm.model.get_output_embeddings()(normed)[0].float()

    def _rotary(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        like = self.residual[0][:1, None]
        return self.vlm.adapter.text_model(self.vlm.model).rotary_emb(like, self._axes(positions))

    def _axes(self, positions: torch.Tensor) -> torch.Tensor:
        """(axes, positions) as the language model takes them: a batch of one, axes first if several."""
        return positions if len(positions) == 1 else positions[:, None]


def _hidden(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
    return args[0] if args else kwargs["hidden_states"]
