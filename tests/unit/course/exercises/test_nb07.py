"""The exercises of notebook 07 accept what is right and say what is wrong."""

import numpy as np

from utils.course.exercises import nb07 as exercises


def test_mask():
    checker = exercises.padded_mask
    right = np.array([[1, 1, 1, 1, 0, 0, 0], [1] * 7])
    assert checker(right) is None
    assert "padding takes part" in checker(np.ones((2, 7), int))
    assert "other way round" in checker(1 - right)
    assert "[CLS] and [SEP]" in checker(np.array([[0, 1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 0]]))
    assert "int64" in checker(right.astype(bool)) and "int64" in checker(right.astype(np.float32))
    assert "(2, 7)" in checker(right[0]) and checker(np.zeros((2, 7), int)) is not None


def test_threads():
    checker = exercises.who_has_how_many
    assert checker([1, 4]) is None and checker((1, 4)) is None
    assert "when it was opened" in checker([1, 1])
    assert "other way round" in checker([4, 1])
    assert "bare ONNX Runtime" in checker([1, 8])
    assert "two numbers" in checker([3, 5]) == checker("many") == checker([1])


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
