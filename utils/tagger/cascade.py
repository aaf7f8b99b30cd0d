"""Two taggers, one answer: the small one reads everything, the large one what the small one is not sure of.

How sure it is, the CRF says: the probability of the least certain piece of a sentence's tags
(`utils.tagger.decoding.Tagged`). A `Cascade` predicts as a `Tagger` does, whatever engines stand behind the two.

(Viola and Jones 2001, "Rapid Object Detection using a Boosted Cascade of Simple Features", section 4, for the idea;
Varshney and Baral 2022, "Model Cascading", for language models, by their confidence.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from utils.tagger.batching import USUAL, Reading
from utils.tagger.decoding import join_parts, parts_of
from utils.tagger.tagger import Tagger
from utils.tagger.tokenizer import check_texts
from utils.text.entities import Entity


@dataclass(frozen=True, eq=False)
class Cascade:
    """A tagger that is as quick as its small half on easy sentences, and slower than its large half on hard ones.

    Args:
        small: reads every part of a text, cut as it cuts.
        large: reads those parts again of which `small` is less certain than `threshold`.
        threshold: a probability. At 0 nothing is read twice; above 1 everything is.
    """

    small: Tagger
    large: Tagger
    threshold: float

    @property
    def reading(self) -> Reading:
        """How the texts are cut: by the small half."""
        return self.small.reading

    @property
    def eight_bits(self) -> bool:
        """Whether who shares a batch may change an answer of either half."""
        return self.small.eight_bits or self.large.eight_bits

    def predict(self, texts: Sequence[str], batch_size: int = USUAL) -> list[list[Entity]]:
        """Entities of each text, as `Tagger.predict` gives them, with the confidence of the half that answered.

        Raises:
            TypeError, ValueError: as `Tagger.predict`.
        """
        check_texts(texts)
        parts = parts_of(texts, self.small.ranges)
        answers = self.small.tag([part.characters for part in parts], batch_size)
        unsure = [number for number, found in enumerate(answers) if found.certainty < self.threshold]
        again = self.large.tag([parts[number].characters for number in unsure], batch_size)
        for number, found in zip(unsure, again, strict=True):
            answers[number] = found
        return [found.entities for found in join_parts(len(texts), parts, answers)]
