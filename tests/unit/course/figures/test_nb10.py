"""The pictures of notebook 10 draw without a warning and show the numbers they were given."""

import numpy as np
import pytest

from utils.compress.curves import Epoch
from utils.course.figures import nb10

TARGETS = {"T = 1": np.eye(3)[:2], "T = 5": np.full((2, 3), 1 / 3)}


def curve(*f1):
    return [Epoch(epoch, 10 * epoch, 0.5, value, 1.0) for epoch, value in enumerate(f1)]


CONTEST = {"labels": curve(12.4, 78.0, 85.0), "老师": curve(5.25, 80.0, 88.0)}
PICTURES = {
    "contest": lambda: nb10.contest_figure(CONTEST, {"teacher": 90.0}),
    "nothing learned": lambda: nb10.contest_figure({"labels": curve(0.0, 0.0)}, {"teacher": 0.0}),
    "targets": lambda: nb10.soft_targets_figure(TARGETS, "北京", ["O", "B-LOC", "E-LOC"], ["E-LOC", "O"]),
    "entropy": lambda: nb10.entropy_figure({"名字": {1: 0.2, 5: 0.9}, "rest": {1: 0.1, 5: 0.7}}, 1.1),
    "depth": lambda: nb10.depth_figure({"mini": {1: 12.0, 12: 100.0}, "article": {1: 9.0, 12: 100.0}}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_a_tag_is_a_row_a_character_a_column_and_rings_mark_the_annotation():
    first, second = PICTURES["targets"]().axes[:2]
    assert np.array_equal(first.images[0].get_array(), np.eye(3)[:2].T)
    assert np.array_equal(second.images[0].get_array(), np.full((3, 2), 1 / 3))
    for axes in (first, second):
        assert [label.get_text() for label in axes.get_yticklabels()] == ["O", "B-LOC", "E-LOC"]
        assert list(axes.lines[0].get_xdata()) == [0, 1] and list(axes.lines[0].get_ydata()) == [2, 0]


def test_panels_share_one_scale_of_colours():
    assert {axes.images[0].get_clim() for axes in PICTURES["targets"]().axes[:2]} == {(0, 1)}


def test_entropies_stand_at_their_temperatures_below_the_uniform_one():
    names, rest, uniform = PICTURES["entropy"]().axes[0].lines
    assert list(names.get_xdata()) == [1, 5] and list(names.get_ydata()) == [0.2, 0.9]
    assert list(rest.get_ydata()) == [0.1, 0.7] and set(uniform.get_ydata()) == {1.1}


def test_depth_is_drawn_in_multiples_of_a_layer_a_share():
    mini, article, share = PICTURES["depth"]().axes[0].lines
    assert list(mini.get_xdata()) == [1, 12] and list(mini.get_ydata()) == pytest.approx([1.44, 1])
    assert list(article.get_ydata()) == pytest.approx([1.08, 1])
    assert set(share.get_ydata()) == {1}


def test_a_contest_is_enlarged_to_its_trained_points_and_levels_and_says_where_it_began():
    (axes,) = PICTURES["contest"]().axes
    low, high = axes.get_ylim()
    assert 12.4 < low < 78 and 90 < high < 100
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[12.4, 78, 85], [5.25, 80, 88]]
    assert axes.get_title(loc="left") == "at step 0: 5.2, 12.4 points"
