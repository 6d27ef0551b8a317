"""What re-prompting fixes in advance: shares of tokens, how a description is put to a reader, the gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.protocols import ProtocolError


@dataclass(frozen=True)
class Settings:
    """Settings under ``studies: kaduri2025: mme``, which hold for POPE too.

    Attributes:
        shares: percent of the image tokens kept, descending; the first is the paper's main row, the last the one
            that is also tried without the query.
        reader: how a description and a question are put to a reader without the image, with ``{description}`` and
            ``{question}``.
        answer_tokens: most new tokens of an answer.
        gate: accuracy under full access below which a subtask proves nothing; 0 for none.
        prune_after: blocks that see all image tokens before pruning.
        prune_shares: percent of the image tokens left after pruning.
        prune_images: pictures that pruning is measured on.
    """

    shares: tuple[float, ...]
    reader: str
    answer_tokens: int
    gate: float
    prune_after: int
    prune_shares: tuple[float, ...]
    prune_images: int

    @classmethod
    def of(cls, protocol: Protocol) -> "Settings":
        """Take the settings out of a study's protocol.

        Raises:
            ProtocolError: names the key at fault.
        """
        mme: Mapping[str, Any] = protocol.mme
        try:
            pruning = mme["pruning"]
            found = cls(
                tuple(sorted(mme["shares"], reverse=True)),
                mme["reader"],
                mme["answer_tokens"],
                mme["gate"],
                pruning["after"],
                tuple(sorted(pruning["shares"], reverse=True)),
                pruning["images"],
            )
        except KeyError as error:
            raise ProtocolError(
                f"mme.{error.args[0]} is missing; see studies.kaduri2025.mme in config/demo.yaml."
            ) from None
        if "{description}" not in found.reader or "{question}" not in found.reader:
            raise ProtocolError(
                f"mme.reader: {found.reader!r} needs {{description}} and {{question}}."
            )
        return found
