"""Checkers of notebook 09 against answers known to be right, and against the mistakes that they name."""

import pytest

from utils.course.exercises import nb09


def test_confidence():
    checker = nb09.confidence()
    assert sum(nb09.PATHS.values()) == pytest.approx(1)
    right = sum(p for path, p in nb09.PATHS.items() if path.split()[:2] == ["B-PER", "E-PER"])
    begins = sum(p for path, p in nb09.PATHS.items() if path.startswith("B-PER"))
    assert checker(right) is None and "best sequence" in checker(max(nb09.PATHS.values()))
    assert "end it at character 1" in checker(begins) and "independent" in checker(begins * right)
    assert "three characters" in checker(0.2) and "*not*" in checker(1 - right) and "share" in checker(100 * right)


def test_javascript_offsets():
    checker, text = nb09.javascript_offsets, nb09.EMOJI_TEXT
    start, end = nb09.CODE_POINTS
    assert text[start:end] == "北京"
    units = [sum(1 + (ord(character) > 0xFFFF) for character in text[:offset]) for offset in (start, end)]
    assert checker(units) is None and checker(tuple(units)) is None
    assert "code points" in checker([start, end]) and "another" in checker([units[0] - 1, units[1] - 1])
    assert "one unit each" in checker([units[0], units[0]]) and "from 1" in checker([units[0] + 1, units[1] + 1])
    assert "UTF-8" in checker([len(text[:start].encode()), len(text[:end].encode())])
    assert "UTF-16" in checker([2 * unit for unit in units])
    assert "encode" in checker([0, 1]) and "two numbers" in checker(6) and "two numbers" in checker([1])


def test_most_typists():
    checker, per_thread = nb09.most_typists(), 1000 / nb09.SENTENCE_MS
    right = per_thread * nb09.THREADS * nb09.PAUSE
    assert checker(right) is None
    assert "one thread busy" in checker(per_thread * nb09.PAUSE)
    assert "every three" in checker(per_thread * nb09.THREADS) and "mind both" in checker(per_thread)
    assert "leaves room" in checker(per_thread * nb09.THREADS / nb09.PAUSE)
    assert "units" in checker(right / 1000) and checker(10 * right) == "too large"
