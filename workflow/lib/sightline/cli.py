"""How every command of the library starts and fails."""

import argparse
import errno
import gc
import logging
import os
import sys
from collections.abc import Callable

from sightline.errors import SightlineError
from sightline.redaction import Redacting

_FULL = "There is no room left. Make some, or write elsewhere, and run again"
_CLOSED = "It may not be written or read here. Change its permissions or the folder, and run again"
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EROFS: _CLOSED,
    errno.EACCES: _CLOSED,
    errno.EPERM: _CLOSED,
}
"""What a user can do where a file system refuses; other refusals are faults of this library."""


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line, run ``main``, and print errors meant for users without a traceback."""
    # What imports made stays to the end; each time it is looked through takes up to a second.
    gc.freeze()
    # Whatever is said here ends up in a log: messages of servers and libraries may repeat an address with a password.
    sys.stderr = Redacting(sys.stderr)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s"
    )
    # Libraries that narrate every request or file drown the lines a user needs to see.
    for chatty in ("httpx", "PIL", "matplotlib", "fontTools"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        main(parser.parse_args())
    except SightlineError as error:
        _give_up(str(error))
    except MemoryError as error:
        _give_up(f"out of memory ({error}). Set a smaller batch_size, or use a larger machine.")
    except OSError as error:
        advice = _ADVICE.get(error.errno)
        if advice is None:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _give_up(f"{place}{os.strerror(error.errno)}. {advice}; files that are there are whole.")


def _give_up(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(1) from None
