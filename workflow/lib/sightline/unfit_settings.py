"""What no configuration may hold, whatever its schema says: keys that are no names, and passwords."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from sightline.redaction import holds_password


def unfit(value: Any, here: str = "") -> Iterator[str]:
    """One line per fault; the values at fault are not repeated.

    Args:
        value: a configuration or a part of one.
        here: dotted key of the part.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            place = f"{here}.{key}" if here else str(key)
            if not isinstance(key, str):
                # YAML takes 1, yes and ~ for something else than their letters.
                yield f"{here or 'the whole'}: key {json.dumps(key, default=str)} is no name; write it in quotes."
            elif holds_password(key):
                yield f"{here or 'the whole'}: a key with a password in it."
            else:
                yield from unfit(inner, place)
    elif isinstance(value, list):
        for inner in value:
            yield from unfit(inner, here)
    elif isinstance(value, str) and holds_password(value):
        yield (
            f"{here}: an address with a name or password in it would end up in logs and results. Leave it out; "
            "tools read such things from the environment."
        )
    elif isinstance(value, float) and not math.isfinite(value):
        # No limit of a schema refuses what is neither smaller nor larger than anything.
        yield f"{here}: {value} is no number to count with; give a finite one."
    elif not here:
        yield f"the whole: {type(value).__name__} where keys with values are expected."
