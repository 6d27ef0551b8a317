"""A vision-language model as the instruments see it: images become image tokens, tokens answers.

Image tokens are projector outputs, (tokens, width). They are computed once per image and then
edited freely: every method that answers takes them as an argument, so that an ablation is nothing
but other image tokens.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import transformers
from PIL import Image
from transformers import Cache

from sightline.models.adapters import Adapter
from sightline.models.endings import greedy_generation
from sightline.models.inputs import class_of
from sightline.models.prompts import Prompt, find_template, first_token, of_equal_length
from sightline.models.registry import ModelError, ModelSource
from sightline.models.roles import TokenRoles
from sightline.scenes.geometry import Grid, transform_of


class VLM:
    """A frozen model with its processor.

    Attributes:
        source: entry of the configuration it was loaded from.
        key: name of the model in results.
        model: the Hugging Face model, in evaluation mode, without gradients of its weights.
        processor: makes its inputs, see ``sightline.models.inputs``.
        tokenizer: the processor's tokenizer.
        adapter: where things are in the model.
        grid: image tokens of one image; of a square one, where images are cut into tiles.
        transform: from an image to the tower frame.
        image_token_id: vocabulary entry that stands where image tokens go.
        width: of image tokens and of the language model's states.
    """

    def __init__(self, source: ModelSource, model: Any, processor: Any, adapter: Adapter) -> None:
        """Join the parts and check that they agree.

        Raises:
            ModelError: processor, model and template do not belong together.
        """
        self.source, self.key, self.family = source, source.key, source.family
        self.model = model.eval().requires_grad_(False)
        self.processor, self.tokenizer, self.adapter = processor, processor.tokenizer, adapter
        self._template = find_template(source.prompt)
        self._side = adapter.tower_side(model.config, source.image_size)
        self.transform = transform_of(processor.image_processor)
        self.grid = self._grid(self._side, self._side)
        self.width = adapter.text_width(model.config)
        self.image_token_id = model.config.image_token_id
        if processor.image_token_id != self.image_token_id:
            raise ModelError(
                f"models.{self.key}: the processor's image placeholder has id "
                f"{processor.image_token_id}, the model's config says {self.image_token_id}. "
                "Take both from the same checkpoint."
            )
        self._check_template()
        self._check_token_count()
        model.generation_config = greedy_generation(
            model.generation_config, self.tokenizer, self._template.stop, source
        )

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        """Type of weights and activations."""
        return self.model.dtype

    @property
    def spec(self) -> Mapping[str, Any]:
        """All that fixes the model's states, for the spec of a cache."""
        here = {
            "dtype": str(self.dtype).removeprefix("torch."),
            "attention": self.model.config._attn_implementation,
            "processor": class_of(self.processor.image_processor),
            "transform": repr(self.transform),
            "torch": torch.__version__.split("+")[0],
            "transformers": transformers.__version__,
        }
        return self.source.identity | self._commit() | here

    def _commit(self) -> dict[str, str]:
        """The commit on the hub, where the entry names none or a branch."""
        found = getattr(self.model.config, "_commit_hash", None)
        named = self.source.folder is not None or found in (None, self.source.revision)
        return {} if named else {"commit": found}

    def grid_of(self, image: Image.Image) -> Grid:
        """Image tokens of this image; ``grid`` for all of them, except where there are tiles."""
        return self._grid(*image.size)

    def prompt(
        self, question: str, prefix: str = "", image: bool = True, grid: Grid | None = None
    ) -> Prompt:
        """Tokenise a question as the model was taught to be asked.

        Args:
            question: what is asked.
            prefix: first words of the answer, such as "It is a".
            image: False for the same prompt without an image.
            grid: of the image asked about, where it is not the usual one.

        Raises:
            ModelError: the question holds an image placeholder.
        """
        text, grid = self._template.fill(question, prefix, image), grid or self.grid
        inputs = self._read(text, grid if image else None)
        ids, mask = inputs["input_ids"][0], inputs["attention_mask"][0]
        roles = TokenRoles.from_marks(inputs["mm_token_type_ids"][0], grid, mask)
        return Prompt(ids, mask, roles, text, " " if prefix.strip() else self._template.gap)

    @torch.no_grad()
    def encode_images(
        self, images: Sequence[Image.Image], batch_size: int | None = None
    ) -> torch.Tensor:
        """Image tokens of RGB images, (images, tokens, width), in the model's type and place.

        Raises:
            ModelError: the images are cut into different mosaics of tiles.
        """
        return self._look(self.adapter.encode, images, batch_size)

    @torch.no_grad()
    def tower_norms(
        self, images: Sequence[Image.Image], batch_size: int | None = None
    ) -> torch.Tensor:
        """Norms of the tower's patches as the projector reads them, (images, tokens) float32.

        Where a token is made of several patches, the largest of theirs.

        Raises:
            ModelError: the images are cut into different mosaics of tiles.
        """
        return self._look(self.adapter.tower_norms, images, batch_size)

    def _look(
        self,
        read: Callable[[Any, Mapping[str, torch.Tensor]], torch.Tensor],
        images: Sequence[Image.Image],
        batch_size: int | None,
    ) -> torch.Tensor:
        """What an adapter reads of images, a batch at a time."""
        grids = {self.grid_of(image) for image in images}
        if len(grids) > 1:
            raise ModelError(
                f"models.{self.key}.tiles: these images have "
                f"{', '.join(sorted(str(grid.mosaic) for grid in grids))} (rows, columns) of "
                "tiles. Encode images of one grid_of at a time, or give tiles: 1."
            )
        found = []
        for batch in _slices(len(images), batch_size or self.source.batch_size):
            features = self.processor.image_processor(
                images=list(images[batch]), return_tensors="pt"
            ).to(self.device)
            features["pixel_values"] = features["pixel_values"].to(self.dtype)
            found.append(read(self.model, features))
        return torch.cat(found)

    def embed(self, prompt: Prompt, image_tokens: torch.Tensor | None) -> torch.Tensor:
        """Input embeddings of the language model, differentiable in the image tokens.

        Args:
            prompt: the question.
            image_tokens: (batch, tokens, width); None for a prompt without an image.

        Returns:
            (batch, positions, width); one row for a prompt without an image.
        """
        rows = self._rows(prompt, image_tokens)
        embeddings = self.model.get_input_embeddings()(prompt.input_ids.to(self.device))
        embeddings = embeddings.expand(rows, -1, -1).clone()
        if image_tokens is not None:
            places = torch.from_numpy(prompt.roles.image).to(self.device)
            embeddings[:, places] = image_tokens.to(self.device, self.dtype)
        return embeddings

    def position_ids(self, prompt: Prompt, rows: int = 1) -> torch.Tensor:
        """Positions as the model takes them beside ``inputs_embeds``, which tell it no places.

        Returns:
            (rows, positions), or (axes, rows, positions) for a rotary embedding of several axes.
        """
        places = self.adapter.position_ids(self.model, prompt).to(self.device)
        places = places[:, None].expand(-1, rows, -1)
        return places[0] if len(places) == 1 else places

    @torch.no_grad()
    def logits(
        self,
        prompt: Prompt,
        image_tokens: torch.Tensor | None = None,
        batch_size: int | None = None,
    ) -> torch.Tensor:
        """Logits after the last position of the prompt.

        Args:
            prompt: the question.
            image_tokens: (batch, tokens, width); None for a prompt without an image.
            batch_size: versions at a time.

        Returns:
            (batch, vocabulary) float32; one row for a prompt without an image.
        """
        rows = self._rows(prompt, image_tokens)
        found = [
            self.model(**inputs, logits_to_keep=1, use_cache=False).logits[:, -1].float()
            for inputs in self.inputs(
                [prompt] * rows, image_tokens, batch_size or self.source.batch_size
            )
        ]
        return torch.cat(found)

    @torch.no_grad()
    def generate(
        self,
        prompt: Prompt,
        image_tokens: torch.Tensor | None,
        max_new_tokens: int,
        batch_size: int | None = None,
    ) -> list[str]:
        """Greedy answers to one prompt under several versions of the image tokens.

        Args:
            prompt: the question.
            image_tokens: (batch, tokens, width): images, or one image under several ablations; None
                for a prompt without an image.
            max_new_tokens: most tokens of an answer.
            batch_size: versions at a time.

        Returns:
            One answer per version, without special tokens.
        """
        rows = self._rows(prompt, image_tokens)
        return self.generate_many([prompt] * rows, image_tokens, max_new_tokens, batch_size)

    @torch.no_grad()
    def generate_many(
        self,
        prompts: Sequence[Prompt],
        image_tokens: torch.Tensor | None,
        max_new_tokens: int,
        batch_size: int | None = None,
        keep_special: bool = False,
    ) -> list[str]:
        """Greedy answers to several prompts, each about its own image.

        Prompts of equal length go together, so that no padding is needed: it would shift positions,
        and half precision would make answers depend on it.

        Args:
            prompts: all with an image, or all without one.
            image_tokens: (prompts, tokens, width); None if the prompts have no image.
            max_new_tokens: most tokens of an answer.
            batch_size: prompts at a time.
            keep_special: leave special tokens such as a [SEG] in the answers; what ends or pads an answer never is.

        Returns:
            One answer per prompt, in their order, without special tokens.
        """
        if image_tokens is not None and len(image_tokens) != len(prompts):
            raise ValueError(
                f"{len(prompts)} prompts but image tokens of {len(image_tokens)} images"
            )
        answers = [""] * len(prompts)
        for numbers in of_equal_length(prompts, max(1, len(prompts))):
            chosen = None if image_tokens is None else image_tokens[numbers]
            batches = self.inputs(
                [prompts[number] for number in numbers],
                chosen,
                batch_size or self.source.batch_size,
            )
            texts = [
                self.decode(row, keep_special)
                for inputs in batches
                for row in self.greedy(inputs, max_new_tokens)
            ]
            for number, text in zip(numbers, texts, strict=True):
                answers[number] = text
        return answers

    @torch.no_grad()
    def greedy(
        self, inputs: Mapping[str, torch.Tensor], max_new_tokens: int, past: Cache | None = None
    ) -> torch.Tensor:
        """Tokens of greedy answers, (batch, new tokens), by the model's own ``generate``.

        Args:
            inputs: as ``inputs`` makes them.
            max_new_tokens: most tokens of an answer.
            past: keys and values of the first positions, which are then not run again.
        """
        return self.model.generate(
            **inputs,
            past_key_values=past,
            max_new_tokens=max_new_tokens,
            do_sample=False,
        )

    def decode(self, tokens: torch.Tensor | Sequence[int], keep_special: bool = False) -> str:
        """Text of generated tokens, (n,), without outer spaces and, unless kept, special tokens."""
        if keep_special:
            settings = self.model.generation_config
            closing = {settings.pad_token_id, *settings.eos_token_id}
            tokens = [token for token in torch.as_tensor(tokens).tolist() if token not in closing]
        return self.tokenizer.decode(tokens, skip_special_tokens=not keep_special).strip()

    def first_token(self, word: str, prompt: Prompt | None = None) -> int:
        """First sub-token of a word in running text, or as first word of the answer to a prompt.

        Raises:
            ModelError: the tokenizer does not know the word.
        """
        return first_token(self.tokenizer, word, prompt)

    def _grid(self, width: int, height: int) -> Grid:
        return self.transform.grid(self.adapter.patch(self.model.config), width, height)

    def _read(self, text: str, grid: Grid | None) -> Mapping[str, torch.Tensor]:
        """Inputs of a text with one image of this grid; its content plays no part."""
        blank = None
        if grid is not None:
            rows, columns = grid.mosaic
            blank = Image.new("RGB", (columns * self._side, rows * self._side))
        return self.processor(
            images=blank, text=text, return_mm_token_type_ids=True, return_tensors="pt"
        )

    def _check_template(self) -> None:
        expected, found = self._template.placeholder, self.processor.image_token
        if found != expected:
            raise ModelError(
                f"models.{self.key}.prompt: {self.source.prompt} puts {expected} where the image "
                f"goes, this tokenizer {found}. Take the template the checkpoint was trained with."
            )

    def _check_token_count(self) -> None:
        marks = self._read(self.processor.image_token, self.grid)["mm_token_type_ids"]
        found = int(marks.sum())
        if found != self.grid.tokens:
            raise ModelError(
                f"models.{self.key}: the processor makes {found} tokens of an image, the model's "
                f"tower {self.grid.rows} x {self.grid.columns}. Compare the processor's crop_size "
                "and patch_size with image_size and patch_size in config.json."
            )

    def _rows(self, prompt: Prompt, image_tokens: torch.Tensor | None) -> int:
        self._check(prompt, image_tokens)
        return 1 if image_tokens is None else len(image_tokens)

    def _check(self, prompt: Prompt, image_tokens: torch.Tensor | None) -> None:
        if prompt.has_image != (image_tokens is not None):
            raise ValueError(
                "image tokens are needed for a prompt with an image, and only for such"
            )
        expected = (len(prompt.roles.image), self.width)
        if image_tokens is not None and image_tokens.shape[1:] != expected:
            raise ValueError(
                f"image tokens of shape {tuple(image_tokens.shape)}; "
                f"expected (batch, {expected[0]}, {expected[1]})"
            )

    def inputs(
        self, prompts: Sequence[Prompt], image_tokens: torch.Tensor | None, batch_size: int
    ) -> Iterator[dict[str, torch.Tensor]]:
        """Arguments of the model for prompts of equal length, a batch at a time."""
        for batch in _slices(len(prompts), batch_size):
            chosen = range(len(prompts))[batch]
            versions = [None if image_tokens is None else image_tokens[n, None] for n in chosen]
            rows = [
                self.embed(prompts[n], version) for n, version in zip(chosen, versions, strict=True)
            ]
            places = [self.position_ids(prompts[n]) for n in chosen]
            mask = torch.stack([prompts[n].attention_mask for n in chosen])
            yield {
                "inputs_embeds": torch.cat(rows),
                "attention_mask": mask.to(self.device),
                "position_ids": torch.cat(places, dim=-2),
            }


def _slices(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, start + size)
