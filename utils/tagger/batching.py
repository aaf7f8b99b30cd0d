"""Which texts share a batch, and how several share one row of it.

A batch is padded to its longest text, and every padded position is multiplied like any other. Batches
of similar lengths pad little; packing pads almost nothing: it puts sentences one behind the other into
rows of about equal length. What keeps them apart is the mask: the graphs of `utils.engines.onnx_export`
let a position see those of its own number only, and count places inside each number. The emissions are
those of each sentence alone, to rounding.

(Packing without contamination between the sequences: Krell et al. 2021, "Efficient Sequence Packing
without Cross-contamination", section 3.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

Backend = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""`(input_ids, attention_mask)`, both `(batch, length)` int64, to emissions `(batch, length, tags)` float32."""

BatchPlan = Callable[[Sequence[int], int], list[tuple[int, int]]]
"""Sorted lengths of texts, and how many a batch may hold, to one range of texts a batch."""

Reading = Literal["whole", "by sentence", "packed"]
"""A text in one piece, its sentences apart, or apart and several in a row of a batch."""

USUAL = 16
"""Parts that share a batch at most, where nobody says otherwise."""

SERVED = 1
"""The same where a tagger is served. Dynamic INT8 takes one scale for a whole batch: with more, an answer would
depend on the strangers that it shares a batch with."""

BATCH_COST = 32
"""What a batch costs besides its positions (calls, and reading all weights once), in positions; roughly."""

WIDTH = 128
"""Positions of a packed row, roughly. Short rows save attention's work, many rows nothing more."""


def cheapest_batches(lengths: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Cut sorted lengths into ranges of at most `most`, so that padded positions and `BATCH_COST`s are fewest.

    A batch is as wide as its longest text. Few large batches pad much, many small ones read the weights
    often; the best of all cuts is found range by range (dynamic programming).
    """
    best = [(0, 0)]  # of the first n lengths: the least cost, and where the last batch begins
    for end in range(1, len(lengths) + 1):
        width = lengths[end - 1] + 2
        starts = range(max(0, end - most), end)
        best.append(min((best[start][0] + (end - start) * width + BATCH_COST, start) for start in starts))
    ranges, end = [], len(lengths)
    while end:
        ranges.append((best[end][1], end))
        end = best[end][1]
    return ranges[::-1]


def even_batches(lengths: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Ranges of `most` texts each; the last may be smaller."""
    return [(first, min(first + most, len(lengths))) for first in range(0, len(lengths), most)]


class Place(NamedTuple):
    """Where a sentence stands: its row, its first position there, and its number in that row, from 1."""

    row: int
    start: int
    number: int


def packing_backend(backend: Backend) -> Backend:
    """A backend that takes a padded batch, packs it for `backend`, and unpacks the emissions."""

    def emissions(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        lengths = attention_mask.sum(1).tolist()
        places = pack(lengths, WIDTH)
        rows = backend(*_packed(input_ids, lengths, places))
        return _unpacked(rows, input_ids.shape, lengths, places)

    return emissions


def _packed(input_ids: np.ndarray, lengths: Sequence[int], places: Sequence[Place]) -> tuple[np.ndarray, np.ndarray]:
    """Ids, and at each position the number of its text (0 where there is none), both `(rows, positions)`."""
    shape = 1 + max(p.row for p in places), max(p.start + n for p, n in zip(places, lengths, strict=True))
    ids, numbers = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for text, (place, n) in enumerate(zip(places, lengths, strict=True)):
        ids[place.row, place.start : place.start + n] = input_ids[text, :n]
        numbers[place.row, place.start : place.start + n] = place.number
    return ids, numbers


def _unpacked(rows: np.ndarray, shape: tuple[int, int], lengths: Sequence[int], places: Sequence[Place]) -> np.ndarray:
    """Emissions of each text, `(*shape, tags)`, from those of the packed rows, `(rows, positions, tags)`."""
    answer = np.zeros((*shape, rows.shape[-1]), rows.dtype)
    for text, (place, n) in enumerate(zip(places, lengths, strict=True)):
        answer[text, :n] = rows[place.row, place.start : place.start + n]
    return answer


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
