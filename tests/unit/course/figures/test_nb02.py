"""The pictures of notebook 02 draw without a warning and show what they were given."""

import numpy as np
import pytest

from utils.course.figures import nb02
from utils.measure.memory import Memory
from utils.measure.verdict import Estimate

SAMPLES = np.random.default_rng(0).normal(10, 1, 30)
PICTURES = {
    "samples": lambda: nb02.samples_figure(SAMPLES, "一句话"),
    "pairs": lambda: nb02.pairs_figure([1.1, 0.95, 1.0], Estimate(1.0, 0.95, 1.1)),
    "memory": lambda: nb02.memory_figure({"mini": Memory(500.0, 390.0)}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_median_and_mean_are_marked_where_they_are():
    _, spread = PICTURES["samples"]().axes
    assert [line.get_xdata()[0] for line in spread.lines] == [np.median(SAMPLES), np.mean(SAMPLES)]


def test_pairs_and_their_median_stand_at_their_distance_from_equal():
    (axes,) = PICTURES["pairs"]().axes
    pairs = next(line for line in axes.lines if line.get_label() == "a pair")
    assert pairs.get_xdata() == pytest.approx([10, -5, 0])
    (band,) = axes.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((-5, 10))
