"""Several sentences in one row: little padding, and attention over short rows only.

A batch is padded to its longest sentence, and every padded position is multiplied like any other.
Packing puts sentences one behind the other into rows of about equal length. What keeps them apart is
the mask: the graphs of `utils.onnx_runtime` let a position see those of its own number only, and count
places inside each number. The emissions are those of each sentence alone, to rounding.

(Packing without contamination between the sequences: Krell et al. 2021, "Efficient Sequence Packing
without Cross-contamination", section 3.)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.tagger import Backend, Tagger, by_sentence

WIDTH = 128
"""Positions of a row, roughly. Short rows save attention's work, many rows nothing more."""


class Place(NamedTuple):
    """Where a sentence stands: its row, its first position there, and its number in that row, from 1."""

    row: int
    start: int
    number: int


def packed(tagger: Tagger) -> Tagger:
    """The same tagger, reading the sentences of all texts apart and packed into rows.

    Only for backends that run a graph of `utils.onnx_runtime`: others take any number but 0 for 1.
    """
    apart = by_sentence(tagger)
    apart.backend = packing(tagger.backend)
    apart.batches = even_batches
    return apart


def even_batches(lengths: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Ranges of `most` texts each; the last may be smaller."""
    return [(first, min(first + most, len(lengths))) for first in range(0, len(lengths), most)]


def packing(backend: Backend, width: int = WIDTH) -> Backend:
    """A backend that takes a padded batch, packs it for `backend`, and unpacks the emissions."""

    def emissions(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        lengths = attention_mask.sum(1).tolist()
        places = pack(lengths, width)
        shape = 1 + max(p.row for p in places), max(p.start + n for p, n in zip(places, lengths, strict=True))
        ids, numbers = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for text, (place, n) in enumerate(zip(places, lengths, strict=True)):
            ids[place.row, place.start : place.start + n] = input_ids[text, :n]
            numbers[place.row, place.start : place.start + n] = place.number
        rows = backend(ids, numbers)
        answer = np.zeros((*input_ids.shape, rows.shape[-1]), rows.dtype)
        for text, (place, n) in enumerate(zip(places, lengths, strict=True)):
            answer[text, :n] = rows[place.row, place.start : place.start + n]
        return answer

    return emissions


def pack(lengths: Sequence[int], width: int) -> list[Place]:
    """A place for each length, in rows as equal as one pass makes them.

    The longest comes first and each goes to the row that is emptiest (Graham 1969, "Bounds on
    Multiprocessing Timing Anomalies", section 5). There are as many rows as `width` makes necessary;
    a row may become longer than that, by less than the last text that came into it.
    """
    count = max(1, round(sum(lengths) / width))
    filled, held = [0] * count, [0] * count
    places: dict[int, Place] = {}
    for text in sorted(range(len(lengths)), key=lambda text: -lengths[text]):
        row = filled.index(min(filled))
        held[row] += 1
        places[text] = Place(row, filled[row], held[row])
        filled[row] += lengths[text]
    return [places[text] for text in range(len(lengths))]
