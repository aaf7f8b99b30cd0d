"""Notebook 07b asks: who has how many threads, what padding wastes, and which sentences share a row."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from utils.course.teaching import Checker, listed, number
from utils.tagger.batching import pack

TORCH_BEFORE, TORCH_AFTER, CORES = 4, 1, 8


def who_has_how_many(answer: object) -> str | None:
    """`[torch's, the session's]` threads after the three lines of the exercise."""
    mine = listed(answer) or []
    hints = {
        (TORCH_AFTER, TORCH_AFTER): "nobody told the session: its threads were made when it was opened",
        (TORCH_BEFORE, TORCH_BEFORE): "torch listens at once; the session is the one that does not",
        (TORCH_BEFORE, TORCH_AFTER): "the other way round: torch comes first in the answer",
        (TORCH_AFTER, CORES): "bare ONNX Runtime takes all cores; this session was told torch's number of that moment",
        (CORES, CORES): "neither takes all cores here: torch was told a number twice",
    }
    if mine == [TORCH_AFTER, TORCH_BEFORE]:
        return None
    if len(mine) != 2:
        return "two numbers are expected: torch's threads, then the session's"
    return hints.get(
        tuple(mine), "line by line: how many threads has torch at the end, and how many was the session told?"
    )


SENTENCE_LENGTHS = (8, 12, 40, 44)
"""Characters of four sentences that make one batch."""


def wasted_on_padding() -> Checker:
    """Percent of the batch's positions that are padding, [CLS] and [SEP] counted as work."""
    longest, characters, count = max(SENTENCE_LENGTHS), sum(SENTENCE_LENGTHS), len(SENTENCE_LENGTHS)
    positions = count * (longest + 2)
    padding = count * longest - characters
    return number(
        100 * padding / positions,
        {
            padding: "that is how many positions; how many percent of all?",
            padding / positions: "right size, but asked for in percent",
            100 * padding / (count * longest): "every sentence has a [CLS] and a [SEP], too",
            100 * padding / (positions - padding): "that is padding over real positions; over all of them is asked",
            100 * (positions - padding) / positions: "that is the part that is not padding",
        },
        tolerance=0.005,
    )


Rows = list[list[int]]
"""Row -> the numbers of its sentences, from 0."""

Packer = Callable[[list[int], int], Rows]
"""Positions of each sentence, and how many rows there are, to the rows."""

PACKINGS = (
    ([10, 14, 9, 30, 27, 12, 44, 8, 41, 13], 2),
    ([5, 5, 6, 6, 7, 7, 8, 40], 3),
    ([46, 42, 14, 10, 22, 18, 35, 29, 51, 12, 26, 33], 4),
    ([12, 20], 1),
)
"""What a function that packs is asked: positions of sentences, and a number of rows."""


def packed_rows(answer: object) -> str | None:
    """A function `(lengths, count)` to rows, the longest of which is no longer than the longest-first rule makes it."""
    if not callable(answer):
        return "a function is expected, which takes the lengths and the number of rows"
    for lengths, count in PACKINGS:
        given = list(lengths)
        found = answer(given, count)
        if hint := _form_fault(found) or ("" if given == lengths else SORTED):
            return hint
        rows = [list(row) for row in found]
        if hint := _wrong_places(rows, lengths, count) or _too_long(rows, lengths, count, answer):
            return hint
    return None


SORTED = "the lengths that were given have changed: sort places, as in `sorted(range(len(lengths)), ...)`, not lengths"


def _form_fault(found: object) -> str | None:
    """Whether these are rows at all."""
    if found is None:
        return "your function returns nothing: is there a `return`?"
    if not isinstance(found, list | tuple) or not all(isinstance(row, list | tuple | np.ndarray) for row in found):
        return "a list of rows is expected, each a list of the numbers of its sentences"
    if len({*map(id, found)}) < len(found):
        return "all rows are one and the same list: `[[]] * n` repeats it, `[[] for _ in range(n)]` makes new ones"
    return None


def _wrong_places(rows: Rows, lengths: Sequence[int], count: int) -> str | None:
    """Sentences that have no row, or two, and rows that are too many."""
    placed, all_of_them = sorted(number for row in rows for number in row), list(range(len(lengths)))
    if len(rows) != count:
        return f"{count} rows are asked for, {len(rows)} came"
    if placed == sorted(lengths) != all_of_them:
        return "a row holds the numbers of its sentences, counted from 0; these are their lengths"
    if placed == [number + 1 for number in all_of_them]:
        return "sentences are counted from 0"
    if len(set(placed)) < len(placed):
        return "a sentence stands in two places"
    return None if placed == all_of_them else f"of {len(lengths)} sentences {len(set(placed))} have a place"


def _too_long(rows: Rows, lengths: Sequence[int], count: int, answer: Packer) -> str | None:
    """The mistake behind a longest row that could be shorter."""
    mine = longest(rows, lengths)
    if mine <= max(place.start + n for place, n in zip(pack(lengths, sum(lengths) / count), lengths, strict=True)):
        return None
    for hint, rule in MISTAKES.items():
        if all(_alike(answer(list(each), n), rule(each, n)) for each, n in PACKINGS):
            return hint
    return f"all have a place, but your longest row has {mine} positions; longest first, into the emptiest, makes less"


def longest(rows: Rows, lengths: Sequence[int]) -> int:
    """Positions of the longest row: all others are padded to it."""
    return max(sum(lengths[number] for number in row) for row in rows)


def _alike(rows: Rows, others: Rows) -> bool:
    """The same sentences share a row, whatever the order of the rows and inside them."""
    return sorted(map(sorted, rows)) == sorted(map(sorted, others))


def _into_emptiest(order: Sequence[int], weights: Sequence[float], count: int) -> Rows:
    rows, filled = [[] for _ in range(count)], [0.0] * count
    for sentence in order:
        row = filled.index(min(filled))
        rows[row].append(sentence)
        filled[row] += weights[sentence]
    return rows


def _by_length(lengths: Sequence[int], sign: int) -> list[int]:
    return sorted(range(len(lengths)), key=lambda sentence: sign * lengths[sentence])


MISTAKES: Mapping[str, Packer] = {
    "in the text's order the long sentences come too late to be balanced: take the longest first": (
        lambda lengths, count: _into_emptiest(range(len(lengths)), lengths, count)
    ),
    "you take the shortest first: then the longest come last, and nothing is left to balance them": (
        lambda lengths, count: _into_emptiest(_by_length(lengths, 1), lengths, count)
    ),
    "by turns: the emptiest row is the one with the fewest positions, and you never look": (
        lambda lengths, count: [list(range(row, len(lengths), count)) for row in range(count)]
    ),
    "the emptiest row is the one with the fewest positions, not with the fewest sentences": (
        lambda lengths, count: _into_emptiest(_by_length(lengths, -1), [1] * len(lengths), count)
    ),
}
"""Hint -> what whoever needs it did instead."""
