"""Arguments that every command which runs a model has."""

import argparse
from dataclasses import replace
from pathlib import Path

from sightline.models.registry import ModelSource


def add_model(parser: argparse.ArgumentParser) -> None:
    """Ask for a model, and for a batch size: a job that ran out of memory comes again with a smaller one."""
    parser.add_argument("--model", type=Path, required=True, help="its settings, JSON")
    parser.add_argument("--batch-size", type=int, help="instead of the one in the settings")


def read_model(options: argparse.Namespace) -> ModelSource:
    """The model that was asked for.

    Raises:
        ModelError: the settings, or the batch size, make no sense.
    """
    source = ModelSource.read(options.model)
    if options.batch_size is None:
        return source
    return replace(source, batch_size=options.batch_size)
