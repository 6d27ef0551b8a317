"""Keeping what must not be seen out of logs and messages."""

import os
import re
from collections.abc import Mapping
from typing import TextIO

HIDDEN = "***"
_NAMES = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_KEY|PRIVATE_KEY|FSSPEC_S3_KEY", re.I
)
# Shorter values are switches, such as TOKENIZERS_PARALLELISM=false, or would hide half of every word.
_SHORTEST = 8
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@'\"]+(?=@)")
_IN_QUERY = re.compile(r"(?<=[?&])([\w-]*(?:token|key|secret|signature|password)=)[^&\s'\"]+", re.I)


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Hide passwords in addresses, and the values of environment variables that are named like secrets.

    Args:
        text: anything that is about to be written.
        environment: where secrets are kept.
    """
    for name, value in environment.items():
        if len(value) >= _SHORTEST and _NAMES.search(name):
            text = text.replace(value, HIDDEN)
    return _IN_QUERY.sub(rf"\1{HIDDEN}", _IN_ADDRESS.sub(HIDDEN, text))


def holds_password(text: str) -> bool:
    """Whether an address in the text comes with a user's name or password."""
    return _IN_ADDRESS.search(text) is not None


class Redacting:
    """A stream that hides secrets before it writes.

    Args:
        stream: what is written to; everything but ``write`` goes straight to it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text without its secrets."""
        self._stream.write(redact(text))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
