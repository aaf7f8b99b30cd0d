"""The exercises of notebook 07b accept what is right and say what is wrong."""

import itertools

import numpy as np
import pytest

from utils.course.exercises import nb07b as exercises


def test_threads():
    checker = exercises.who_has_how_many
    assert checker([1, 4]) is None and checker((1, 4)) is None and checker(np.array([1, 4])) is None
    assert "when it was opened" in checker([1, 1])
    assert "other way round" in checker([4, 1])
    assert "bare ONNX Runtime" in checker([1, 8])
    assert "line by line" in checker([3, 5]) and "line by line" in checker([4, 8])
    assert "two numbers" in checker("many") == checker([1])


def test_padding():
    checker = exercises.wasted_on_padding()
    work = sum(n + 2 for n in exercises.SENTENCE_LENGTHS)
    everything = 4 * 46
    assert checker(100 * (everything - work) / everything) is None
    assert "percent" in checker((everything - work) / everything)
    assert "how many percent" in checker(everything - work)
    assert "[CLS]" in checker(100 * 72 / 176)
    assert "real positions" in checker(100 * 72 / work)
    assert "not padding" in checker(100 * work / everything)


def my_rows(lengths, count):
    """The notebook's solution."""
    rows, filled = [[] for _ in range(count)], [0] * count
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        row = filled.index(min(filled))
        rows[row].append(number)
        filled[row] += lengths[number]
    return rows


def best(lengths, count):
    """The shortest longest row, of all ways to give sentences to rows."""
    ways = np.array(list(itertools.product(range(count), repeat=len(lengths))))
    sums = [(np.array(lengths) * (ways == row)).sum(1) for row in range(count)]
    return np.max(sums, axis=0).min()


def test_packing():
    assert exercises.packed_rows(my_rows) is None
    assert exercises.packed_rows(lambda lengths, count: tuple(map(tuple, reversed(my_rows(lengths, count))))) is None


@pytest.mark.parametrize(("lengths", "count"), [case for case in exercises.PACKINGS if len(case[0]) < 11])
def test_what_is_right_is_near_the_best_of_all_ways(lengths, count):
    """Graham's bound, 4/3 - 1/(3 rows)."""
    found = exercises.longest(my_rows(lengths, count), lengths)
    assert best(lengths, count) <= found <= (4 / 3 - 1 / (3 * count)) * best(lengths, count)


def shortest_first(lengths, count):
    rows = [[] for _ in range(count)]
    for number in np.argsort(lengths, kind="stable"):
        min(rows, key=lambda row: sum(lengths[i] for i in row)).append(int(number))
    return rows


def in_order(lengths, count):
    rows = [[] for _ in range(count)]
    for number in range(len(lengths)):
        min(rows, key=lambda row: sum(lengths[i] for i in row)).append(number)
    return rows


def by_turns(lengths, count):
    return [[i for i in range(len(lengths)) if i % count == row] for row in range(count)]


def fewest_sentences(lengths, count):
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    return [order[row::count] for row in range(count)]


WRONG = {
    "text's order": in_order,
    "shortest first": shortest_first,
    "by turns": by_turns,
    "fewest sentences": fewest_sentences,
    "two places": lambda lengths, count: [row + row[:1] for row in my_rows(lengths, count)],
    "of 10 sentences 8 have a place": lambda lengths, count: [row[1:] for row in my_rows(lengths, count)],
    "rows are asked for": lambda lengths, count: my_rows(lengths, count + 1),
    "their lengths": lambda lengths, count: [[lengths[i] for i in row] for row in my_rows(lengths, count)],
    "counted from 0": lambda lengths, count: [[i + 1 for i in row] for row in my_rows(lengths, count)],
    "is there a `return`?": lambda lengths, count: my_rows(lengths, count) and None,
    "a list of rows": lambda lengths, count: [number for row in my_rows(lengths, count) for number in row],
    "one and the same list": lambda lengths, count: [[0]] * count,
    "have changed": lambda lengths, count: (lengths.sort(), my_rows(lengths, count))[1],
    "makes less": lambda lengths, count: [list(range(len(lengths))), *([] for _ in range(count - 1))],
    "a function is expected": [[0]],
}


@pytest.mark.parametrize("hint", WRONG)
def test_packing_hears_what_is_wrong(hint):
    assert hint in exercises.packed_rows(WRONG[hint])
