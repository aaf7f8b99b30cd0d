"""Which sentences a small model hands on, and what is special about them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from utils.measure.bootstrap import percentile_interval, resampled_counts
from utils.measure.verdict import Estimate
from utils.text.entities import Entity, Sentence


class Trait(NamedTuple):
    """How many sentences have it; which share of those is handed on, which of the others (0 to 1); the difference."""

    count: int
    share: float
    others: float
    difference: Estimate


def traits(sentences: Sequence[Sentence], train: Sequence[Sentence]) -> dict[str, np.ndarray]:
    """Name of a trait -> `(sentences,)` bool. Long means: longer than most sentences here."""
    known = {entity.text for sentence in train for entity in sentence.entities}
    places = {entity.text for sentence in train for entity in sentence.entities if entity.type == "LOC"}
    middle = float(np.median([len(sentence.text) for sentence in sentences]))
    found = {
        "a name that train does not have": [any(e.text not in known for e in s.entities) for s in sentences],
        "an organisation with a place inside": [any(_nested(e, places) for e in s.entities) for s in sentences],
        "longer than most": [len(s.text) > middle for s in sentences],
        "no name at all": [not s.entities for s in sentences],
    }
    return {name: np.array(flags, bool) for name, flags in found.items()}


def _nested(entity: Entity, places: set[str]) -> bool:
    return entity.type == "ORG" and any(place in entity.text for place in places)


def handed_on(found: Mapping[str, np.ndarray], gone: np.ndarray, seed: int = 0) -> dict[str, Trait]:
    """How much oftener sentences with each trait are handed on, with an interval over sentences.

    Args:
        found: as `traits` gives it.
        gone: `(sentences,)` bool, which ones are handed on.
    """
    return {name: _trait(flags, gone, seed) for name, flags in found.items()}


def _trait(flags: np.ndarray, gone: np.ndarray, seed: int) -> Trait:
    counts = np.stack([flags & gone, flags, ~flags & gone, ~flags], 1).astype(int)
    share, others = _shares(counts.sum(0))
    drawn = np.subtract(*_shares(resampled_counts(counts, seed)))
    difference = Estimate(float(share - others), *percentile_interval(drawn))
    return Trait(int(flags.sum()), float(share), float(others), difference)


def _shares(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    gone, flagged, others_gone, others = np.moveaxis(counts, -1, 0)
    return gone / np.maximum(flagged, 1), others_gone / np.maximum(others, 1)
