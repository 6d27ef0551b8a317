"""The default judge: a deterministic parser for texts whose objects come from a closed vocabulary."""

from collections.abc import Iterable

from sightline.scenes.mentions import Vocabulary
from sightline.studies.judging.comparison import Comparison


class VocabularyJudge:
    """Finds the names of a vocabulary in both texts, plurals and synonyms included."""

    def __init__(self, names: Iterable[str] | Vocabulary) -> None:
        """Prepare the search.

        Args:
            names: object categories, or a vocabulary that is ready.

        Raises:
            VocabularyError: the names are ambiguous or empty.
        """
        self.vocabulary = names if isinstance(names, Vocabulary) else Vocabulary(names)

    def compare(self, reference: str, prediction: str) -> Comparison:
        """Compare the sets of names that two texts mention; each name counts once."""
        return Comparison.of_sets(
            self.vocabulary.mentioned(reference), self.vocabulary.mentioned(prediction)
        )
