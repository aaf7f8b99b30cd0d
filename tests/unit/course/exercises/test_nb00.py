"""Checkers of notebook 00 against answers known to be right, and against the mistakes that they name."""

import pytest
from published_size import ATTENTION, EMBEDDINGS, FEED_FORWARD, TAGGING, TOTAL

from utils.course.exercises import nb00


def test_pruned_share():
    checker = nb00.pruned_share()
    assert checker(100 * 0.2 * ATTENTION / TOTAL) is None
    assert "not 20 % of the model" in checker(20)
    assert "the article's number" in checker(18)
    assert "*all* heads" in checker(27.9)
    assert "percent" in checker(0.0558)
    assert "millions of parameters" in checker(0.2 * ATTENTION / 1e6)


def test_int8_megabytes():
    checker = nb00.int8_megabytes()
    assert checker((4 * EMBEDDINGS + ATTENTION + FEED_FORWARD + TAGGING) / 1e6) is None
    assert "embeddings too" in checker(TOTAL / 1e6)
    assert "article" in checker(110)
    assert "before" in checker(4 * TOTAL / 1e6)
    assert "10^6" in checker((4 * EMBEDDINGS + ATTENTION + FEED_FORWARD + TAGGING) / 2**20)
    assert "in bytes" in checker(4 * EMBEDDINGS + ATTENTION + FEED_FORWARD + TAGGING)


@pytest.mark.parametrize("share", [2.0, 6.4])
def test_relative_size_reads_the_model(monkeypatch, share):
    monkeypatch.setattr(nb00, "parameters_by_part", lambda model: {"all": share / 100 * TOTAL})
    checker = nb00.relative_size(None)
    assert checker(share) is None
    assert "percent" in checker(share / 100)
    assert checker(2 * share) is not None
    assert "units" in checker(1e6 * share) and "and percent" in checker(1e4 * share)
