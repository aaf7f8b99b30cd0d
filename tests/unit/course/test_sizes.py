"""A notebook's sizes are the full ones or the small ones, and its rounds those that the run allows."""

import pytest

from utils.course.sizes import SIZES, sizes_of
from utils.measure.latency import Rounds
from utils.measure.run import open_run
from utils.studies import pipeline


def test_a_run_chooses_full_or_small_sizes_and_how_often_slow_things_are_timed(monkeypatch):
    monkeypatch.setenv("COURSE_REPEATS", "1")
    full, small = (sizes_of("02", open_run(quick=quick)) for quick in (False, True))
    assert (full.rounds, small.rounds) == (Rounds(15, 1), Rounds(5, 1))
    assert (full.every, small.every) == (1, 5)


def test_a_notebook_without_sizes_is_an_error():
    with pytest.raises(KeyError):
        sizes_of("77", open_run())


def test_what_stands_in_for_notebook_08_has_its_sizes():
    assert SIZES["08"]["scored"] == pipeline.SCORED
