"""The pictures of notebook 06 draw without a warning and show what they were given."""

import numpy as np
import pytest
import torch

from utils.course.figures import nb06
from utils.measure.verdict import Estimate

RANDOM = np.random.default_rng(0)
NOISES = {"layer 1": 1.5, "layer 2": 0.4, "everything": 2.5}
CHANNELS = {
    "a": [{"channel": 3, "largest": 80.0, "median": 2.0}, {"channel": 3, "largest": 90.0, "median": 1.0}],
    "b": [{"channel": 1, "largest": 3.0, "median": 1.5}],
}
FASTER = {
    "一": {"1 thread": {32: Estimate(0.7, 0.6, 0.9), 500: Estimate(2.0, 1.8, 2.1)}},
    "b": {"1 thread": {500: Estimate(3.0, 2.5, 3.5)}},
}
CURVES = {
    "one grid": {8: Estimate(-0.1, -0.5, 0.2), 2: Estimate(-80.0, -85.0, -75.0)},
    "a grid for each row": {8: Estimate(0.0, -0.2, 0.2), 2: Estimate(-60.0, -66.0, -55.0)},
}
LEFT, ERRORS = {"row": [20.0, 30.0], "channel": [90.0, 40.0]}, {"weights": [12.0, 8.0], "inputs": [3.0, 2.5]}
PICTURES = {
    "bits": lambda: nb06.bits_figure(CURVES),
    "layers": lambda: nb06.layers_figure(LEFT, ERRORS),
    "rounding": lambda: nb06.rounding_figure(
        torch.ones(3, 5),
        {"a": RANDOM.normal(size=(3, 5)), "b": torch.zeros(3)},
        {"a": 0.3, "b": torch.tensor([[2], [1], [3]])},
    ),
    "channels": lambda: nb06.channels_figure(CHANNELS),
    "sensitivity": lambda: nb06.sensitivity_figure(NOISES),
    "no damage": lambda: nb06.sensitivity_figure({"classifier": 0.0}),
    "speed": lambda: nb06.speedup_figure(FASTER),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_steps_are_sorted_and_one_for_all_is_a_level_line():
    shared, own = PICTURES["rounding"]().axes[2].lines
    assert list(shared.get_ydata()) == [0.3] * 3 and list(own.get_ydata()) == [1, 2, 3]


def test_the_first_part_stands_on_top_with_its_own_noise():
    (axes,) = PICTURES["sensitivity"]().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NOISES)
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "from the top"
    assert [bar.get_width() for bar in axes.patches] == [1.5, 0.4, 2.5]


def test_every_panel_shows_where_float32_is():
    first, second = PICTURES["speed"]().axes
    for axes in (first, second):
        assert [1, 1] in [list(line.get_ydata()) for line in axes.lines] and axes.get_ylim()[0] == 0
    assert [0.7, 2.0] in [list(line.get_ydata()) for line in first.lines]
    (intervals,) = first.collections
    assert [segment[:, 1].tolist() for segment in intervals.get_segments()] == [[0.6, 0.9], [1.8, 2.1]]


def test_each_model_has_its_largest_and_its_median_channel_layer_by_layer_on_a_log_axis():
    (axes,) = PICTURES["channels"]().axes
    assert axes.get_yscale() == "log"
    reach = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}
    assert reach["a, largest"] == ([1, 2], [80, 90]) and reach["a, median"] == ([1, 2], [2, 1])
    assert reach["b, largest"] == ([1], [3]) and reach["b, median"] == ([1], [1.5])


def test_bits_fall_from_left_to_right_each_with_its_interval():
    (axes,) = PICTURES["bits"]().axes
    assert axes.get_xlim()[0] > axes.get_xlim()[1]
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines["one grid"] == [-0.1, -80] and lines["a grid for each row"] == [0, -60]
    intervals = [segment[:, 1].tolist() for lines in axes.collections for segment in lines.get_segments()]
    assert intervals == [[-0.5, 0.2], [-85, -75], [-0.2, 0.2], [-66, -55]]


def test_layers_have_what_is_left_and_what_goes_wrong_from_zero_on():
    panels = PICTURES["layers"]().axes
    for axes, expected in zip(panels, (LEFT, ERRORS), strict=True):
        assert {line.get_label(): list(line.get_ydata()) for line in axes.lines} == expected
        assert axes.get_ylim()[0] == 0 and list(axes.lines[0].get_xdata()) == [1, 2]
