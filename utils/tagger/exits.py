"""One network, cut into pieces: after each a sentence may leave, with the answer that is there by then.

Each piece but the last has an exit: a linear layer and a CRF of its own, which read the hidden states. A sentence
whose least certain tag is certain enough stops there; the others go on from the hidden states that they have, so no
layer is computed twice. That is what a cascade of two models has to do.

(Li et al. 2021, "Accelerating BERT Inference for Sequence Labeling via Early-Exit", section 4.1: SENTEE, with the
CRF's probability of the least certain tag in the place of the softmax's normalised entropy.)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from utils.tagger.batching import USUAL, Reading, cheapest_batches
from utils.tagger.decoding import Decoder, Tagged, join_parts, parts_of
from utils.tagger.tokenizer import CharacterTokenizer, Encoding, check_texts
from utils.text.entities import Entity
from utils.text.segmentation import sentence_ranges

Stretch = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""`(inputs, attention_mask) -> (hidden, emissions)`: of the first the inputs are ids `(batch, length)`, of the others
the hidden states `(batch, length, features)` of the one before. Of the last, nobody reads the hidden states."""


class Exit(NamedTuple):
    """Some layers, and how what comes out of them is decoded."""

    stretch: Stretch
    decoder: Decoder


@dataclass(frozen=True, eq=False)
class ExitTagger:
    """Finds entities as a `Tagger` does, sentence by sentence, with as few layers as each sentence needs.

    Args:
        exits: in their order, the whole model's own end last.
        threshold: a sentence leaves where its least certain piece is at least so probable. At 0 all leave at the
            first exit; above 1 none does before the last.
        limit, eight_bits: as in `Tagger`.
    """

    exits: Sequence[Exit]
    tokenizer: CharacterTokenizer
    threshold: float
    limit: int
    eight_bits: bool = False

    @property
    def reading(self) -> Reading:
        """Sentences are read apart: each is asked by itself whether it may leave."""
        return "by sentence"

    def predict(self, texts: Sequence[str], batch_size: int = USUAL) -> list[list[Entity]]:
        """Entities of each text, as `Tagger.predict` gives them, with the confidence of the exit that answered.

        Raises:
            TypeError: one text instead of a list of texts.
        """
        return [found.entities for found in self.tag(texts, batch_size)]

    def tag(self, texts: Sequence[str], batch_size: int = USUAL) -> list[Tagged]:
        """`predict`, with the probability of each text's least certain piece."""
        check_texts(texts)
        parts = sorted(parts_of(texts, self._ranges), key=lambda part: len(part.characters))
        found: list[Tagged] = []
        for first, end in cheapest_batches([len(part.characters) for part in parts], batch_size):
            found += self._through([part.characters for part in parts[first:end]])
        return join_parts(len(texts), parts, found)

    def _ranges(self, text: str) -> Iterator[tuple[int, int]]:
        return self.tokenizer.ranges_within(text, self.limit, sentence_ranges(text))

    def _through(self, texts: list[str]) -> list[Tagged]:
        """One batch, from exit to exit, smaller each time."""
        encoding = self.tokenizer.batch(texts)
        inputs, inside = encoding.input_ids, np.arange(len(texts))
        answers: dict[int, Tagged] = {}
        for stretch, decoder in self.exits:
            inputs, emissions = stretch(inputs, encoding.attention_mask)
            found = decoder.decode([texts[i] for i in inside], emissions, encoding.label_mask)
            answers |= dict(zip(inside.tolist(), found, strict=True))
            stay = np.array([tagged.certainty < self.threshold for tagged in found], bool)
            if not stay.any():
                break
            inside, inputs, encoding = inside[stay], *_only(stay, inputs, encoding)
        return [answers[i] for i in range(len(texts))]


def _only(stay: np.ndarray, hidden: np.ndarray, encoding: Encoding) -> tuple[np.ndarray, Encoding]:
    """The rows that stay, no wider than the longest of them."""
    width = int(encoding.attention_mask[stay].sum(1).max())
    return hidden[stay, :width], Encoding(*(array[stay, :width] for array in encoding))
