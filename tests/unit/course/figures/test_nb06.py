"""The pictures of notebook 06 draw without a warning and show what they were given."""

import numpy as np
import pytest
import torch

from utils.course.figures import nb06
from utils.measure.bootstrap import Difference
from utils.studies.sensitivity import PartDamage

RANDOM = np.random.default_rng(0)
DAMAGES = {
    "layer 1": PartDamage(Difference(-0.4, -1.2, 0.1), 97.5, 1.5),
    "everything": PartDamage(Difference(0.0, 0.0, 0.0), 100.0, 0.0),
}
PICTURES = {
    "rounding": lambda: nb06.rounding_figure(
        torch.ones(3, 5),
        {"a": RANDOM.normal(size=(3, 5)), "b": torch.zeros(3)},
        {"a": 0.3, "b": torch.tensor([[2], [1], [3]])},
    ),
    "sensitivity": lambda: nb06.sensitivity_figure(DAMAGES),
    "no damage": lambda: nb06.sensitivity_figure({"classifier": DAMAGES["everything"]}),
    "speed": lambda: nb06.speedup_figure({"一": {"1 thread": {32: 0.7, 500: 2.0}}, "b": {"1 thread": {500: 3.0}}}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_steps_are_sorted_and_one_for_all_is_a_level_line():
    shared, own = PICTURES["rounding"]().axes[2].lines
    assert list(shared.get_ydata()) == [0.3] * 3 and list(own.get_ydata()) == [1, 2, 3]


def test_the_first_part_stands_on_top_with_its_own_numbers():
    f1, changed, noise = PICTURES["sensitivity"]().axes
    assert [label.get_text() for label in f1.get_yticklabels()] == list(DAMAGES)
    assert f1.get_ylim()[0] > f1.get_ylim()[1], "from the top"
    points = next(line for line in f1.lines if line.get_marker() == "o")
    assert list(points.get_xdata()) == [-0.4, 0.0]
    assert [bar.get_width() for bar in changed.patches] == [2.5, 0.0]
    assert [bar.get_width() for bar in noise.patches] == [1.5, 0.0]


def test_every_panel_shows_where_float32_is():
    first, second = PICTURES["speed"]().axes
    for axes in (first, second):
        assert [1, 1] in [list(line.get_ydata()) for line in axes.lines] and axes.get_ylim()[0] == 0
    assert [0.7, 2.0] in [list(line.get_ydata()) for line in first.lines]
