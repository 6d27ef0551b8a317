"""The papers behind the studies and their figures, called as a reader looks for them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """One paper.

    Attributes:
        name: authors and year, as it is cited.
        title: of the paper.
        place: where it appeared, with its arXiv number.
        asks: what the study asks, in own words.
    """

    name: str
    title: str
    place: str
    asks: str


PAPERS = {
    "neo2025": Paper(
        "Neo et al. 2025",
        "Towards Interpreting Visual Information Processing in Vision-Language Models",
        "ICLR 2025 · arXiv 2410.07149",
        "Where in the image tokens an object lives, what they turn into, and where the answer is read off.",
    ),
    "kaduri2025": Paper(
        "Kaduri et al. 2025",
        "What's in the Image? A Deep-Dive into the Vision of Vision Language Models",
        "CVPR 2025 · arXiv 2411.17491",
        "Which way image information takes to the answer, and how few tokens are enough.",
    ),
    "khajuria2025": Paper(
        "Khajuria et al. 2025",
        "Interpreting the structure of multi-object representations in vision encoders",
        "xAI 2025 · arXiv 2406.09067",
        "Whether vision encoders keep objects apart in their tokens.",
    ),
    "qian2025": Paper(
        "Qian et al. 2025 (READ)",
        "Reasoning to Attend: Try to Understand How <SEG> Token Works",
        "CVPR 2025 · arXiv 2412.17741",
        "What a [SEG] token has learnt, and whether its similarity map can guide the mask.",
    ),
}


def paper(study: str) -> Paper:
    """The paper behind a study; a study without one is called by its key."""
    return PAPERS.get(study, Paper(study, study, "", ""))


_KINDS = {
    "fig": "Figure", "tab": "Table", "num": "Number", "text": "Text", "extra": "Extra", "page": "Project page",
}  # fmt: skip
_NUMBERED = re.compile(rf"({'|'.join(_KINDS)})([A-Z]?\d*[a-zA-Z]?)((?:_\w+)?)")


def item_label(item: str) -> str:
    """The name of an item as it is printed: figS1e is "Figure S1e", v2_fig3 is "Figure 3 of v2"."""
    version, _, rest = item.partition("_")
    if re.fullmatch(r"v\d", version):
        return f"{item_label(rest)} of {version}"
    found = _NUMBERED.fullmatch(item)
    if found is None:
        words = item.replace("_", " ")
        return words[:1].upper() + words[1:]
    kind, number, more = found.groups()
    return f"{_KINDS[kind]} {number}".strip() + (f" ({more[1:].replace('_', ' ')})" if more else "")
