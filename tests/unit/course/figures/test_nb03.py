"""The pictures of notebook 03 draw without a warning and show what they were given."""

import numpy as np
import pytest
from scipy.stats import rankdata

from utils.course.figures import nb03
from utils.course.figures.style import GREY, ORANGE
from utils.measure.verdict import Estimate

RANDOM = np.random.default_rng(0)
GRID = RANDOM.normal(size=(3, 4))
PRUNED = np.where(np.eye(3, 4, dtype=bool), np.nan, GRID)

LAYERS = {
    "a": {"layer 1": Estimate(7.0, 6.0, 8.0), "layer 2": Estimate(-0.5, -1.0, 0.5)},
    "b": {"layer 1": Estimate(0.5, 0.0, 1.0), "layer 2": Estimate(0.0, -0.5, 0.5)},
}
OURS = {
    "heads, cut": {"a, by score": {0.2: 1.0, 0.5: 9.0}, "a, at random": {0.2: 3.0}},
    "neurons, cut": {"a, by score": {0.1: 2.0}, "a, at random": {}},
}

PICTURES = {
    "scores": lambda: nb03.score_grids(dict.fromkeys(("oracle", "Michel", "Taylor", "Fisher", "entropy"), GRID)),
    "scores of a pruned model": lambda: nb03.score_grids({"Michel": PRUNED}),
    "agreement": lambda: nb03.agreement_figure(
        {"Spearman": {"low": -0.1, "high": 0.8}, "overlap": {"low": 30.0, "high": 10.0}},
        {"Spearman": (-0.2, 0.2), "overlap": (5.0, 35.0)},
        {"Spearman": 0.9, "overlap": 60.0},
        {"Spearman": {"low": 0.1, "high": 0.95}, "overlap": {"low": 35.0, "high": 80.0}},
    ),
    "oracle": lambda: nb03.oracle_figure(np.where(np.isnan(PRUNED), np.nan, 10.0 ** (3 * PRUNED)), {0: [1, 3]}),
    "oracle of equal heads": lambda: nb03.oracle_figure(np.zeros((2, 3)), {}),
    "contest": lambda: nb03.contest_figure(
        (0.2, 0.5), {"a": [80, 60], "b": [70, 20]}, [[75, 40], [70, 50], [60, 45]], [82, 55]
    ),
    "attention": lambda: nb03.attention_figure(
        {"most": np.eye(5), "least": np.full((5, 5), 0.2)}, ["[CLS]", "北", "京", "。", "[SEP]"], {1, 2}
    ),
    "layers": lambda: nb03.layers_figure(LAYERS),
    "no study": lambda: nb03.layers_figure({}),
    "removals": lambda: nb03.removal_figure(OURS, {"heads, cut": {"by score": {0.4: 8.0}, "at random": {0.4: 15.0}}}),
    "no removal": lambda: nb03.removal_figure({title: {} for title in OURS}, {}),
    "survivors": lambda: nb03.survivors_figure({"a": {0: [1, 3]}, "b": {}}, 3, 4),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_grids_show_ranks_with_the_first_layer_at_the_bottom():
    (image,) = PICTURES["scores of a pruned model"]().axes[0].images
    present = ~np.isnan(PRUNED)
    assert image.origin == "lower"
    assert np.ma.getdata(image.get_array())[present] == pytest.approx(100 * (rankdata(PRUNED[present]) - 1) / 8)
    assert np.ma.getmaskarray(image.get_array())[~present].all()


def test_the_score_nearest_to_the_oracle_stands_on_top():
    first, second = PICTURES["agreement"]().axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["low", "high"]
    points = [[line for line in axes.lines if line.get_marker() == "o"] for axes in (first, second)]
    assert [list(line.get_xdata()) for line, _ in points] == [[0.1, 0.95], [35.0, 80.0]]
    assert [list(line.get_xdata()) for _, line in points] == [[-0.1, 0.8], [30.0, 10.0]]


def test_the_oracle_is_drawn_by_rank_and_its_sizes_from_the_largest_down():
    grid, sizes, _ = PICTURES["oracle"]().axes
    crossed = grid.collections[0].get_offsets()
    assert np.asarray(crossed).tolist() == [[2, 1], [4, 1]]
    heights = [bar.get_height() for bar in sizes.patches]
    assert len(heights) == 9 and heights == sorted(heights, reverse=True)
    assert sizes.get_yscale() == "symlog"


def test_the_band_spans_all_random_choices():
    axes = PICTURES["contest"]().axes[0]
    corners = {tuple(point) for point in axes.collections[0].get_paths()[0].vertices.tolist()}
    assert {(20.0, 60.0), (20.0, 75.0), (50.0, 40.0), (50.0, 50.0)} <= corners
    assert [80, 60] in [list(line.get_ydata()) for line in axes.lines]


def test_the_axis_of_the_contest_gives_the_last_points_more_room():
    axes = PICTURES["contest"]().axes[0]
    heights = axes.transData.transform([(50, f1) for f1 in (0, 40, 60, 80, 85)])[:, 1]
    steps = np.diff(heights) / [40, 20, 20, 5]
    assert (np.diff(steps) > 0).all() and axes.get_ylim()[0] == 0 and 82 < axes.get_ylim()[1] <= 100


def test_every_panel_of_removals_has_numbers_on_its_axes(drawn):
    for axes in PICTURES["removals"]().axes:
        assert all(
            axis.get_tick_params()["labelleft" if axis is axes.yaxis else "labelbottom"]
            for axis in (axes.xaxis, axes.yaxis)
        )


def test_names_are_marked_on_both_axes():
    axes = PICTURES["attention"]().axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels if label.get_color() == ORANGE] == ["北", "京"]


def test_heads_that_are_gone_are_white():
    mesh = PICTURES["survivors"]().axes[0].collections[0]
    assert np.argwhere(mesh.get_array() == 0).tolist() == [[0, 1], [0, 3]]


def test_a_bar_of_each_model_stands_at_each_layer_with_its_interval():
    (axes,) = PICTURES["layers"]().axes
    assert [bar.get_height() for bar in axes.patches] == [7.0, -0.5, 0.5, 0.0]
    spans = [segment[:, 1].tolist() for lines in axes.collections for segment in lines.get_segments()]
    assert spans == [[6.0, 8.0], [-1.0, 0.5], [0.0, 1.0], [-0.5, 0.5]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2"]


def test_removals_are_lines_in_percent_and_published_ones_grey_points_in_the_panel_of_that_name():
    heads, neurons = PICTURES["removals"]().axes
    points = {line.get_label(): line for line in heads.lines}
    assert list(points["a, by score"].get_xdata()) == [20, 50] and list(points["a, by score"].get_ydata()) == [1, 9]
    grey = [line for line in heads.lines if line.get_color() == GREY]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in grey] == [([40], [8]), ([40], [15])]
    assert not [line for line in neurons.lines if line.get_color() == GREY]
