"""The pictures of notebook 05 draw without a warning and show the numbers they were given."""

import math

import pytest

from utils.compress.curves import Epoch
from utils.course.figures import nb05

CURVE = [Epoch(0, 0, math.nan, 50.0, 0.0), Epoch(1, 16, 0.4, 70.0, 2.5), Epoch(2, 32, 0.1, 65.0, 5.0)]
DAMAGES = {
    "original": {"F1 by type": {"PER": 90.0, "LOC": 80.0}, "names found (%)": {"new": 70.0}},
    "剪枝": {"F1 by type": {"PER": 60.0, "LOC": 75.0}, "names found (%)": {"new": 40.0}},
}
PICTURES = {
    "damage": lambda: nb05.error_profile_figure(DAMAGES),
    "one question": lambda: nb05.error_profile_figure({"original": {"F1": {"PER": 90.0}}}),
    "over-fitting": lambda: nb05.overfitting_figure(CURVE, CURVE[1]),
    "no epoch yet": lambda: nb05.overfitting_figure(CURVE[:1], CURVE[0]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_every_group_has_a_dot_a_model_the_first_model_on_top():
    figure = PICTURES["damage"]()
    types, names = figure.axes
    assert [list(line.get_xdata()) for line in types.lines] == [[90.0, 60.0], [80.0, 75.0]]
    assert [list(line.get_xdata()) for line in names.lines] == [[70.0, 40.0]]
    assert list(types.lines[0].get_ydata()) == list(DAMAGES) and types.get_ylim()[0] > types.get_ylim()[1]


def test_loss_and_f1_share_their_steps_and_the_kept_one_is_marked():
    loss, f1 = PICTURES["over-fitting"]().axes
    assert list(loss.lines[0].get_ydata())[1:] == [0.4, 0.1]
    assert list(f1.lines[0].get_ydata()) == [50.0, 70.0, 65.0]
    assert list(f1.lines[0].get_xdata()) == [point.step for point in CURVE]
    assert all(set(axes.lines[1].get_xdata()) == {CURVE[1].step} for axes in (loss, f1))
