"""How every command of the library starts and fails."""

import argparse
import logging
import sys
from collections.abc import Callable

from sightline.errors import SightlineError


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line, run ``main``, and print errors meant for users without a traceback."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s"
    )
    # Libraries that narrate every request or file drown the lines a user needs to see.
    for chatty in ("httpx", "PIL", "matplotlib", "fontTools"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        main(parser.parse_args())
    except SightlineError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
