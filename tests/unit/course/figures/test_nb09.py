"""The pictures of notebook 09 draw without a warning and show the numbers they were given."""

import pytest

from utils.course.figures import nb09
from utils.measure.calibration import Bin
from utils.serving.load import PATIENCE, Load
from utils.serving.trials import Edit, Throughput

EDITS = [Edit(90.0, 88.0, 14, True), Edit(91.0, 7.0, 1, True), Edit(89.0, 8.0, 1, True)]
BANDS = [Bin(0.6, 0.5, 12), Bin(0.97, 0.95, 300)]
INF = float("inf")
CURVE = {
    10: Load((5.0,) * 40, 0, 0, 0, 4.0, waits=(5.0,) * 40),
    100: Load((20.0,) * 300, 40, 0, 0, 4.0, 60, waits=(20.0,) * 100 + (INF,) * 100 + (20.0,) * 200),
}
PICTURES = {
    "edits": lambda: nb09.edits_figure(EDITS),
    "reliability": lambda: nb09.reliability_figure(BANDS),
    "load": lambda: nb09.load_figure({"original": CURVE, "quantised": CURVE}, 300),
    "throughput": lambda: nb09.throughput_figure({"one": Throughput(120.0, 150.0), "two": Throughput(180.0, 300.0)}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_where_nothing_was_answered_the_wait_has_a_gap(drawn):
    nothing = Load((), 0, 0, 0, 4.0, 40, waits=(INF,) * 40)
    figure = nb09.load_figure({"slow": {10: CURVE[10], 100: nothing}}, 300)
    assert drawn(lambda: figure) and [bar.get_height() for bar in figure.axes[1].patches] == [100, 0]
    (mark,) = figure.axes[0].collections[-1].get_offsets().tolist()
    assert mark == pytest.approx([100, nb09.LONGEST])


def test_both_ways_of_an_edit_are_drawn_from_zero():
    axes = PICTURES["edits"]().axes[0]
    full, incremental = axes.lines
    assert list(full.get_ydata()) == [90, 91, 89] and list(incremental.get_ydata()) == [88, 7, 8]
    assert axes.get_ylim()[0] == 0


def test_bands_stand_beside_the_line_of_honesty():
    honest, found = PICTURES["reliability"]().axes[0].lines
    assert list(honest.get_xdata()) == list(honest.get_ydata()) == [0, 1]
    assert list(found.get_xdata()) == [0.6, 0.97] and list(found.get_ydata()) == [0.5, 0.95]


def test_wait_and_answered_share_stand_over_the_typists():
    wait, answered = PICTURES["load"]().axes
    assert list(wait.lines[0].get_xdata()) == pytest.approx([10, 100], rel=0.03)
    assert list(wait.lines[0].get_ydata()) == [5, 20], "two lost parts of five decide nothing"
    (bar,) = wait.collections[1].get_segments()
    assert bar[0][1] == 20 and bar[1][1] == 1000 * PATIENCE
    assert [bar.get_height() for bar in answered.patches] == [100, 75] * 2 and set(wait.lines[2].get_ydata()) == {300}


def test_no_bar_of_answered_edits_hides_another():
    answered = PICTURES["load"]().axes[1]
    bars = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in answered.patches)
    assert all(end <= start + 1e-9 for (_, end), (start, _) in zip(bars, bars[1:], strict=False))


def test_an_arrangement_is_a_bar_of_each_kind():
    speed, memory = PICTURES["throughput"]().axes
    assert [bar.get_width() for bar in speed.patches] == [120, 180]
    assert [bar.get_width() for bar in memory.patches] == [150, 300]
    assert [label.get_text() for label in speed.get_yticklabels()] == ["one", "two"] and speed.yaxis_inverted()
