"""The pictures of notebook 04 draw without a warning and show what they were given."""

import numpy as np
import pytest
from pictures import texts
from tiny_models import tiny_config

from utils.course.figures import nb04

LOST = {0: (0.0, 0.0, 0.0), 0.5: (-2.0, -3.0, -1.0)}

PICTURES = {
    "savings": lambda: nb04.savings_figure({"parameters": {"heads": {0: 0.0, 100: 28.0}}}, {"parameters": 18.0}),
    "surgery": lambda: nb04.surgery_figure(tiny_config(), [1, 2], [0, 5, 19]),
    "losses": lambda: nb04.loss_curves({"heads": LOST}, {"bend": 0.5}, 1.2),
    "ranks": lambda: nb04.rank_grid([[1e-6, 0.3], [np.nan, 1e-4]], {0: [0]}, "头"),
    "left": lambda: nb04.left_figure({"时间": {"mini": {0: 100.0, 0.5: 70.0}}, "size": {"mini": {0: 100.0}}}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_a_curve_of_shares_is_drawn_in_percent():
    figure = nb04.loss_curves({"heads": LOST}, {"bend": 0.5}, 1.2)
    whole, enlarged = figure.axes
    assert whole.get_ylim()[0] < -3 and enlarged.get_ylim() == pytest.approx((-4.8, 2.4))
    assert [list(line.get_ydata()) for line in enlarged.lines] == [list(line.get_ydata()) for line in whole.lines]
    curve, allowed, mark = whole.get_lines()
    assert list(curve.get_xdata()) == [0, 50] and list(curve.get_ydata()) == [0, -2]
    assert set(allowed.get_ydata()) == {-1.2} and "1.2 points less" in texts(figure)
    assert set(mark.get_xdata()) == {50} and "bend: 50 %" in texts(figure)
    (left,) = nb04.left_figure({"size": {"mini": {0: 100.0, 0.5: 70.0}}}).axes[0].get_lines()
    assert list(left.get_xdata()) == [0, 50] and list(left.get_ydata()) == [100, 70]


def test_a_grid_of_ranks_has_them_in_the_order_of_the_scores():
    grid, bar = PICTURES["ranks"]().axes
    found = np.ma.filled(grid.collections[0].get_array(), np.nan).reshape(2, 2)
    assert np.array_equal(found, [[1, 3], [np.nan, 2]], equal_nan=True)
    assert "rank" in bar.get_ylabel()


def test_no_saving_leaves_the_picture():
    figure = nb04.savings_figure({"a": {"heads": {0: 0.0, 100: 28.0}}, "b": {"heads": {100: 60.0}}}, {"a": 18, "b": 26})
    assert all(axes.get_ylim()[0] == 0 and axes.get_ylim()[1] > 60 for axes in figure.axes)


def test_the_surgery_is_drawn_to_scale():
    config = tiny_config()  # 24 wide, 4 heads of 6, 20 neurons
    figure = nb04.surgery_figure(config, [1, 2], [0, 5, 19])
    before, after = ([image.get_array() for image in axes.get_images()] for axes in figure.axes)
    assert [image.shape for image in before] == [(24, 24)] * 4 + [(20, 24), (24, 20)]
    assert [image.shape for image in after] == [(12, 24)] * 3 + [(24, 12), (17, 24), (24, 17)]
    assert not any(image.any() for image in after)
    assert [int(image.sum()) for image in before] == [12 * 24] * 4 + [3 * 24] * 2
    assert np.flatnonzero(before[0].all(axis=1)).tolist() == np.flatnonzero(before[3].all(axis=0)).tolist()
    assert np.flatnonzero(before[4].all(axis=1)).tolist() == [0, 5, 19]
    for images, axes in zip((before, after), figure.axes, strict=True):
        for image, drawn in zip(images, axes.get_images(), strict=True):
            left, right, bottom, top = drawn.get_extent()
            assert (bottom - top, right - left) == pytest.approx(image.shape)


def test_the_surgery_says_shapes_and_biases():
    written = texts(nb04.surgery_figure(tiny_config(), [1, 2], [0, 5, 19]))
    assert {"24 × 24\nbias 24", "12 × 24\nbias 12", "24 × 12\nbias 24", "24 × 17\nbias 24"} <= written
    assert {"W_q", "W_k", "W_v", "W_o", "W_1", "W_2", "stays", "goes"} <= written
