"""The pictures of notebook 04 draw without a warning and show what they were given."""

import pytest
from pictures import texts

from utils.course.figures import nb04

PICTURES = {
    "savings": lambda: nb04.savings_figure({"parameters": {"heads": {0: 0.0, 100: 28.0}}}, {"parameters": 18.0}),
    "curves": lambda: nb04.f1_curves({"heads": {0: (80.0, 75.0, 85.0), 0.5: (60.0, 50.0, 70.0)}}, {"bend": 0.5}),
    "left": lambda: nb04.left_figure({"时间": {"mini": {0: 100.0, 0.5: 70.0}}, "size": {"mini": {0: 100.0}}}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_a_curve_of_shares_is_drawn_in_percent():
    figure = nb04.f1_curves({"heads": {0: (80.0, 75.0, 85.0), 0.5: (60.0, 50.0, 70.0)}}, {"bend": 0.5})
    curve, mark = figure.axes[0].get_lines()
    assert list(curve.get_xdata()) == [0, 50] and list(curve.get_ydata()) == [80, 60]
    assert set(mark.get_xdata()) == {50} and "bend: 50 %" in texts(figure)
    (left,) = nb04.left_figure({"size": {"mini": {0: 100.0, 0.5: 70.0}}}).axes[0].get_lines()
    assert list(left.get_xdata()) == [0, 50] and list(left.get_ydata()) == [100, 70]


def test_no_saving_leaves_the_picture():
    figure = nb04.savings_figure({"a": {"heads": {0: 0.0, 100: 28.0}}, "b": {"heads": {100: 60.0}}}, {"a": 18, "b": 26})
    assert all(axes.get_ylim()[0] == 0 and axes.get_ylim()[1] > 60 for axes in figure.axes)
