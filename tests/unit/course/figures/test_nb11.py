"""The pictures of notebook 11 draw without a warning and show the numbers they were given."""

import pytest

from utils.course.figures import nb11
from utils.measure.calibration import Bin
from utils.measure.verdict import Estimate

BINS = [Bin(0.6, 0.5, 10), Bin(0.95, 0.9, 90)]
POINTS = [nb11.Placed(4.0, 88.0, 86.0, 90.0), nb11.Placed(2.0, 80.0, 78.0, 82.0)]
PICTURES = {
    "reliability": lambda: nb11.reliability_figure({"T = 1": {"original": BINS}, "by dev": {"original": BINS[:1]}}),
    "intervals": lambda: nb11.intervals_figure({"before": {"original": Estimate(1.0, -1.0, 3.0)}}, 0),
    "time": lambda: nb11.time_figure({"mini": {"one model": POINTS}, "article": {"one model": POINTS}}),
    "shares": lambda: nb11.shares_figure({"by character": [(0.9, 86.0), (0.5, 80.0)]}, {"all": 87.0}, "left"),
    "work": lambda: nb11.work_figure({"halt": [(0.9, Estimate(0, -1, 1)), (0.8, Estimate(-3, -5, -2))]}, 1),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_every_panel_has_its_bins_and_the_honest_line():
    first, second = PICTURES["reliability"]().axes
    honest, original = first.lines
    assert list(honest.get_xdata()) == list(honest.get_ydata()) == [0, 1]
    assert list(original.get_xdata()) == [0.6, 0.95] and list(original.get_ydata()) == [0.5, 0.9]
    assert list(second.lines[1].get_xdata()) == [0.6]


def test_an_estimate_is_a_point_on_its_interval():
    interval, point, zero = PICTURES["intervals"]().axes[0].lines
    assert list(interval.get_xdata()) == [-1, 3] and list(point.get_xdata()) == [1] and set(zero.get_xdata()) == {0}


def test_points_stand_at_their_times_in_order_with_their_intervals():
    for axes in PICTURES["time"]().axes:
        (line,) = axes.lines
        assert list(line.get_xdata()) == [2, 4] and list(line.get_ydata()) == [80, 88]
        assert [segment[:, 1].tolist() for segment in axes.collections[0].get_segments()] == [[78, 82], [86, 90]]
        assert axes.get_xlim()[0] == 0


def test_shares_are_drawn_in_percent_beside_their_levels():
    line, whole = PICTURES["shares"]().axes[0].lines
    assert list(line.get_xdata()) == [50, 90] and list(line.get_ydata()) == [80, 86] and set(whole.get_ydata()) == {87}


def test_changes_stand_over_the_work_that_is_left_with_their_intervals():
    (axes,) = PICTURES["work"]().axes
    line, _, margin = axes.lines
    assert list(line.get_xdata()) == [80, 90] and list(line.get_ydata()) == [-3, 0] and set(margin.get_ydata()) == {-1}
    assert [segment[:, 1].tolist() for segment in axes.collections[0].get_segments()] == [[-5, -2], [-1, 1]]
    assert axes.get_xlim()[0] > 70, "no empty half"
