"""Write trained demo models in their official layouts, in half precision, with checksums and learning curves."""

from pathlib import Path
from typing import Any

from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast, SamModel

from sightline.demo.architecture import build_processor, build_sam_processor
from sightline.demo.folders import CURVES, RECIPE, SAM, SEGMENTER, VLM
from sightline.files import atomic_path, write_json
from sightline.models.checksums import write_checksums
from sightline.models.segmenter import Segmenter


def export(
    vlm: LlavaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    segmenter: Segmenter,
    original: SamModel,
    recipe: dict[str, Any],
    work: Path,
    out: Path,
) -> None:
    """Write ``<out>/llava``, ``<out>/segmenter``, ``<out>/sam``, the learning curves and, last, the recipe.

    The VLM loses the blocks of its tower that it does not read.

    Args:
        vlm: the trained VLM; stored as float16.
        tokenizer: its tokenizer.
        segmenter: the trained segmenter; stored as float16.
        original: its SAM as it was before it got used to the language model; stored as float16.
        recipe: what the training was asked to do.
        work: folder with the stages' learning curves.
        out: folder of the demo models.
    """
    drop_unread_blocks(vlm)
    vlm.set_attn_implementation("sdpa")
    vlm.generation_config.eos_token_id = tokenizer.eos_token_id
    vlm.generation_config.pad_token_id = tokenizer.pad_token_id
    vlm.generation_config.bos_token_id = tokenizer.bos_token_id
    vlm.half().save_pretrained(out / VLM)
    build_processor(tokenizer).save_pretrained(out / VLM)
    original.half().save_pretrained(out / SAM)
    segmenter.half().save(out / SEGMENTER, out / SAM)
    build_sam_processor().save_pretrained(out / SAM)
    for part in (VLM, SAM, SEGMENTER):
        write_checksums(out / part)
    for curve in sorted(work.glob("*.jsonl")):
        with atomic_path(out / CURVES / curve.name) as temporary:
            temporary.write_text(curve.read_text())
    write_json(recipe, out / RECIPE)


def drop_unread_blocks(vlm: LlavaForConditionalGeneration) -> None:
    """Cut the tower off behind the block whose output the projector reads; answers stay the same.

    LLaVA reads the penultimate block. The last one serves the objective that the tower was trained for.
    """
    tower, read = vlm.config.vision_config, vlm.config.vision_feature_layer
    kept = read if read >= 0 else tower.num_hidden_layers + 1 + read
    encoder = vlm.model.vision_tower.encoder
    encoder.layers = encoder.layers[:kept]
    tower.num_hidden_layers = kept
    vlm.config.vision_feature_layer = -1
