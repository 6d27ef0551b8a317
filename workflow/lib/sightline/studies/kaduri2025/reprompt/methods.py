"""Ways to answer a question about an image that was looked at before: those of Table 1, and controls."""

from collections.abc import Sequence
from dataclasses import dataclass

FULL, DESCRIBE, BLIND, QUERY = "full access", "description", "no image", "query"
BOTH, IMAGE, RANDOM, WHOLE = "query + top", "top", "query + random", "query + all"


@dataclass(frozen=True)
class Method:
    """One way.

    Attributes:
        kind: a constant of this module.
        share: percent of the image tokens kept; 100 or 0 where nothing is chosen.
        published: row of Table 1, or empty where it has none.
        in_table: one of the table's kinds; False for a control.
    """

    kind: str
    share: float = 0.0
    published: str = ""
    in_table: bool = True

    @property
    def name(self) -> str:
        """As results name it: "query + top 5 %"."""
        return f"{self.kind} {self.share:g} %" if self.kind in (BOTH, IMAGE, RANDOM) else self.kind

    @property
    def title(self) -> str:
        """As tables name it."""
        return {
            FULL: "Full access to the image",
            DESCRIBE: "Description given to a reader",
            BLIND: "Question without image",
            QUERY: "Query",
            BOTH: f"Query + top {self.share:g} %",
            IMAGE: f"Top {self.share:g} %",
            RANDOM: f"Query + random {self.share:g} %",
            WHOLE: "Query + all image tokens",
        }[self.kind]


def methods(shares: Sequence[float]) -> list[Method]:
    """Rows of Table 1 in its order, then controls.

    Args:
        shares: percent kept, descending.
    """
    printed = {5: "Query + K=5%", 2: "Query + K=2%"}
    last = shares[-1]
    return [
        Method(FULL, 100, "Naive"),
        Method(DESCRIBE, 0, "Describe-to-LLM"),
        *(Method(BOTH, share, printed.get(share, "")) for share in shares),
        Method(QUERY, 0, "Query"),
        Method(IMAGE, last, "K=2%" if last == 2 else ""),
        # Beyond the paper: each share alone, tokens that nothing chose, a context that dropped nothing, no image.
        *(Method(IMAGE, share, in_table=False) for share in shares[:-1]),
        Method(RANDOM, shares[0], in_table=False),
        Method(WHOLE, 100, in_table=False),
        Method(BLIND),
    ]


def pruned_name(share: float) -> str:
    """Pruning to a share of the image tokens, in percent, as results name it."""
    return f"pruned {share:g} %"
