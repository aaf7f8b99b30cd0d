"""The pictures of notebook 03 draw without a warning and show what they were given."""

import numpy as np
import pytest
from scipy.stats import rankdata

from utils.course.figures import nb03
from utils.course.figures.style import ORANGE

RANDOM = np.random.default_rng(0)
GRID = RANDOM.normal(size=(3, 4))
PRUNED = np.where(np.eye(3, 4, dtype=bool), np.nan, GRID)

PICTURES = {
    "scores": lambda: nb03.score_grids(dict.fromkeys(("oracle", "Michel", "Taylor", "Fisher", "entropy"), GRID)),
    "scores of a pruned model": lambda: nb03.score_grids({"Michel": PRUNED}),
    "agreement": lambda: nb03.agreement_figure(
        {"Spearman": {"low": -0.1, "high": 0.8}, "overlap": {"low": 30.0, "high": 10.0}},
        {"Spearman": (-0.2, 0.2), "overlap": (5.0, 35.0)},
        {"Spearman": 0.9, "overlap": 60.0},
    ),
    "contest": lambda: nb03.contest_figure(
        (0.2, 0.5), {"a": [80, 60], "b": [70, 20]}, [[75, 40], [70, 50], [60, 45]], [82, 55]
    ),
    "attention": lambda: nb03.attention_figure(
        {"most": np.eye(5), "least": np.full((5, 5), 0.2)}, ["[CLS]", "北", "京", "。", "[SEP]"], {1, 2}
    ),
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
    points = [[line for line in axes.lines if line.get_marker() == "o"][0] for axes in (first, second)]
    assert [list(line.get_xdata()) for line in points] == [[-0.1, 0.8], [30.0, 10.0]]


def test_the_band_spans_all_random_choices():
    axes = PICTURES["contest"]().axes[0]
    corners = {tuple(point) for point in axes.collections[0].get_paths()[0].vertices.tolist()}
    assert {(20.0, 60.0), (20.0, 75.0), (50.0, 40.0), (50.0, 50.0)} <= corners
    assert [80, 60] in [list(line.get_ydata()) for line in axes.lines]


def test_names_are_marked_on_both_axes():
    axes = PICTURES["attention"]().axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels if label.get_color() == ORANGE] == ["北", "京"]


def test_heads_that_are_gone_are_white():
    mesh = PICTURES["survivors"]().axes[0].collections[0]
    assert np.argwhere(mesh.get_array() == 0).tolist() == [[0, 1], [0, 3]]
