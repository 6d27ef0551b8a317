"""Which of the paper's models an entry of the configuration is, or stands for."""

from collections.abc import Sequence

MAIN_MODEL, SECOND_MODEL = PAPER_MODELS = ("InternVL2-76B", "LLaVA-1.5-7B")
KEYS = {MAIN_MODEL: "internvl2-76b", SECOND_MODEL: "llava-1.5-7b"}
"""How the keys of their checkpoints begin; what follows tells entries of one checkpoint apart."""
DEPTHS = {MAIN_MODEL: 80, SECOND_MODEL: 32}
MIDDLES = {MAIN_MODEL: (20, 40), SECOND_MODEL: (4, 20)}


def named_model(key: str) -> str:
    """The paper's model that a key names; empty for any other, such as a stand-in."""
    return next((model for model, start in KEYS.items() if key.startswith(start)), "")


def paper_models(models: Sequence[str]) -> dict[str, str]:
    """The paper's model whose numbers belong beside each one; empty where none do.

    Keys decide. Only where none of the models is the paper's own do the first and the second stand for them.

    Args:
        models: keys in the configuration's order.
    """
    named = {model: named_model(model) for model in models}
    if any(named.values()):
        return named
    return dict.fromkeys(models, "") | dict(zip(models, PAPER_MODELS, strict=False))
