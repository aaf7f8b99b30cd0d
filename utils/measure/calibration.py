"""What a confidence is worth: of the entities that are 90 % sure, are 90 % right?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.text.entities import Entity, Sentence


class Bin(NamedTuple):
    """Entities of similar confidence: their mean confidence, the share of them that is right (0 to 1), how many."""

    confidence: float
    right: float
    count: int


def reliability(
    sentences: Sequence[Sentence], predictions: Sequence[Sequence[Entity]], edges: Sequence[float]
) -> list[Bin]:
    """Predicted entities sorted into bins by confidence; right means the annotated span and type.

    Source: Niculescu-Mizil and Caruana 2005, "Predicting Good Probabilities with Supervised Learning", section 4
    (the reliability diagram).

    Args:
        edges: ascending, from 0 to 1; a bin holds confidences above its lower edge. Empty bins are left out.
    """
    pairs = zip(sentences, predictions, strict=True)
    found = [(e.confidence, e.span in sentence.spans) for sentence, entities in pairs for e in entities]
    confidence, right = np.array(found, dtype=float).reshape(-1, 2).T
    place = np.searchsorted(edges, confidence) - 1
    inside = (place == number for number in range(len(edges) - 1))
    return [Bin(confidence[i].mean(), right[i].mean(), int(i.sum())) for i in inside if i.any()]
