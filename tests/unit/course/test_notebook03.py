"""What notebook 03 shows and asks: its pictures, its explorer, its exercises."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata, spearmanr

from utils.course.exercises import nb03 as exercises
from utils.course.figures import base, nb03, nb04
from utils.course.widgets import head_explorer, survivors

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
    "survivors": lambda: nb04.survivors_figure({"a": {0: [1, 3]}, "b": {}}, 3, 4),
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
        assert [label.get_text() for label in labels if label.get_color() == base.ORANGE] == ["北", "京"]


def test_heads_that_are_gone_are_white():
    mesh = PICTURES["survivors"]().axes[0].collections[0]
    assert np.argwhere(mesh.get_array() == 0).tolist() == [[0, 1], [0, 3]]


def test_the_explorer_follows_its_controls():
    scores = {"up": torch.arange(6.0).reshape(2, 3), "down": -torch.arange(6.0).reshape(2, 3)}
    controls, result = head_explorer(scores, [1, 3], {"up": [90, 80], "down": [70.25, 60]}).children
    score, step = controls.children
    assert "5 of 6 heads are left; F1 90.0" in result.value
    assert result.value.endswith(survivors({0: [0]}, 2, 3))
    score.value = "down"
    assert "F1 70.2" in result.value and result.value.endswith(survivors({1: [2]}, 2, 3))
    step.value = 1
    assert "3 of 6 heads are left; F1 60.0" in result.value and result.value.endswith(survivors({1: [0, 1, 2]}, 2, 3))


def test_the_last_layer_stands_on_top_and_heads_keep_their_numbers():
    markup = survivors({1: [0]}, 2, 2)
    assert markup.index("layer 2") < markup.index(">×<") < markup.index("layer 1")
    assert markup.count(">1<") == 1 and markup.count(">2<") == 2


def test_michel_by_hand():
    checker = exercises.michel_by_hand()
    assert checker((1 + 1 + 3) / 9) is None
    assert "nothing cancels" in checker(13 / 9)
    assert "whole sum" in checker(3 / 9) and "without" in checker(-3 / 9)
    assert "bug" in checker((1 + 0 + 3) / 9)
    assert "divide by the characters" in checker(5 / 3) and "divide it" in checker(5)


def test_shared_by_chance():
    checker = exercises.shared_by_chance(29, 144)
    choices = [RANDOM.permutation(144)[:29] for _ in range(4000)]
    shared = np.mean([len(np.intersect1d(*pair)) for pair in zip(choices[::2], choices[1::2], strict=True)])
    assert shared == pytest.approx(29 * 29 / 144, rel=0.03) and checker(29 * 29 / 144) is None
    assert "same choice" in checker(29) and "half" in checker(14.5) and "percent" in checker(20)
    assert "*one* head" in checker(0.2) and "how many heads" in checker(0.04)


def test_rank_correlation():
    a, b = RANDOM.normal(size=50), RANDOM.normal(size=50)
    b = np.exp(a + b)
    checker = exercises.rank_correlation(a, b)
    assert checker(spearmanr(a, b).statistic) is None
    assert "Pearson" in checker(np.corrcoef(a, b)[0, 1])
    assert "argsort" in checker(np.corrcoef(a.argsort(), b.argsort())[0, 1])
