"""Table S3: image tokens pruned for each question, as FastV does, beside the context chosen before any question.

Both on the same questions. Pruning reads the question and the whole image before it chooses, in every pass anew; the
context is made once and answers without the image. Whether the supplement has this table, and its values, is unknown.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.reprompt import methods
from sightline.studies.kaduri2025.reprompt.effects import AVERAGE, read_effects
from sightline.studies.kaduri2025.reprompt.methods import Method, pruned_name
from sightline.studies.kaduri2025.reprompt.settings import Settings
from sightline.studies.tables import write_table

CAPTION = (
    "Image tokens pruned for each question behind block {after} (FastV) beside a context chosen once while describing "
    "the image, on the same questions of MME's format: ACC and ACC+ in per cent with 95 % intervals over pictures. "
    "Published values, if there are any, are unknown."
)
HEADERS = {
    "model": "Model",
    "title": "Method",
    "share": "Image tokens kept, %",
    "sees_question": "Chosen for the question",
    "needs_image": "Each question reads the whole image",
    "n_images": "Pictures",
    "n_questions": "Questions",
    "reprompt_tokens": "Tokens behind the choice",
}


def build(
    effects: pd.DataFrame,
    models: Sequence[str],
    shares: Sequence[float],
    prune_shares: Sequence[float],
) -> pd.DataFrame:
    """One line per model and method.

    Args:
        effects: of `sightline.studies.kaduri2025.reprompt.effects.summarise` on the questions pruning was measured on.
        models: keys.
        shares: percent kept in contexts.
        prune_shares: percent left by pruning.
    """
    contexts = [Method(methods.BOTH, share) for share in shares]
    wanted = [
        (Method(methods.FULL).name, "Full access to the image", 100.0, "", "yes"),
        *(
            (pruned_name(share), f"Pruned to {share:g} %", share, "yes", "yes")
            for share in prune_shares
        ),
        *((one.name, one.title, one.share, "no", "no") for one in contexts),
        (Method(methods.RANDOM, shares[0]).name, f"Query + random {shares[0]:g} %", shares[0], "no", "no"),
    ]  # fmt: skip
    average = effects[effects["subtask"] == AVERAGE]
    columns = [
        "n_images", "n_questions", "acc", "acc_low", "acc_high", "acc_plus", "acc_plus_low", "acc_plus_high",
        "reprompt_tokens",
    ]  # fmt: skip
    rows = []
    for model in models:
        for name, title, share, sees, needs in wanted:
            found = average[(average["model"] == model) & (average["method"] == name)]
            for cell in found[columns].to_dict("records"):
                head = {"model": model, "method": name, "title": title, "share": share}
                rows.append(head | {"sees_question": sees, "needs_image": needs} | cell)
    return pd.DataFrame(rows)


def display(table: pd.DataFrame) -> pd.DataFrame:
    """Intervals behind their numbers."""
    shown = table[list(HEADERS)].copy()
    shown["reprompt_tokens"] = shown["reprompt_tokens"].round().astype(int)
    shown["share"] = shown["share"].map("{:g}".format)
    for measure, title in (("acc", "ACC"), ("acc_plus", "ACC+")):
        shown[title] = [
            f"{row[measure]:.1f} [{row[f'{measure}_low']:.1f}, {row[f'{measure}_high']:.1f}]"
            for row in table.to_dict("records")
        ]
    return shown.rename(columns=HEADERS)


def main(options: argparse.Namespace) -> None:
    """Write the table as csv, md and tex."""
    settings = Settings.of(Protocol.read(options.protocol))
    effects = read_effects(options.effects)
    table = build(effects, options.models, settings.shares, settings.prune_shares)
    caption = CAPTION.format(after=settings.prune_after)
    write_table(table, options.out, caption, formats=("csv",))
    write_table(display(table), options.out, caption, formats=("md", "tex"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--models", nargs="*", required=True, help="keys")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    cli.run(main, parser)
