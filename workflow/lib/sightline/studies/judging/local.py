"""A language model on this machine, in a folder as save_pretrained writes it or on the Hugging Face hub."""

from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sightline.models.devices import choose_device
from sightline.studies.judging.comparison import JudgeError


class LocalChat:
    """Greedy answers of a local chat model; the seed plays no part.

    Attributes:
        name: path of the model.
    """

    def __init__(
        self,
        path: str,
        device: str = "auto",
        max_new_tokens: int = 600,
        revision: str | None = None,
    ) -> None:
        """Load nothing yet: a run whose answers are all recorded needs no model.

        Args:
            path: folder, or owner/name on the hub.
            device: "auto" takes a GPU if there is one.
            max_new_tokens: most tokens of an answer.
            revision: commit on the hub.
        """
        self.name = path if revision is None else f"{path}@{revision}"
        self._path, self._revision, self._max_new_tokens = path, revision, max_new_tokens
        self._device = device
        self._loaded: tuple[Any, Any] | None = None

    @torch.no_grad()
    def ask(self, message: str, seed: int) -> str:
        """One message in the model's own chat format.

        Raises:
            JudgeError: the model cannot be loaded or knows no chat format.
        """
        tokenizer, model = self._load()
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": message}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        ).to(model.device)
        out = model.generate(
            **inputs, max_new_tokens=self._max_new_tokens, do_sample=False, num_beams=1,
            temperature=None, top_p=None, top_k=None,
        )  # fmt: skip
        return tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            try:
                tokenizer = AutoTokenizer.from_pretrained(self._path, revision=self._revision)
                model = AutoModelForCausalLM.from_pretrained(
                    self._path, revision=self._revision, dtype="auto"
                )
            except (OSError, ValueError) as error:
                raise JudgeError(
                    f"judge.path: {self._path} cannot be loaded ({error}). Jobs that run models do not go to the "
                    f"network: fetch it before (hf download {self._path}), or name a folder."
                ) from None
            if tokenizer.chat_template is None:
                raise JudgeError(
                    f"judge.path: {self._path} has no chat template; give a model tuned to follow instructions."
                )
            self._loaded = tokenizer, model.eval().to(choose_device(self._device))
        return self._loaded
