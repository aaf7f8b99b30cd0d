"""Pictures of several notebooks draw without a warning and show the numbers they were given."""

import math

import numpy as np
import pytest
from pictures import texts

from utils.compress.curves import Epoch
from utils.course.figures import base
from utils.measure.latency import summarise

RANDOM = np.random.default_rng(0)
LATENCY = summarise(RANDOM.normal(10, 1, 30))
CURVE = [Epoch(0, 0, math.nan, 50.0, 0.0), Epoch(1, 16, 0.4, 70.0, 2.5), Epoch(2, 32, 0.1, 65.0, 5.0)]
PICTURES = {
    "shares": lambda: base.shares_figure({"mini": {"embeddings": 1.5, "attention": 2.5, "tagging": 0.0}}, "M"),
    "grid": lambda: base.head_grid(np.arange(144.0).reshape(12, 12), {0: [0, 3], 11: [2]}, "头的重要性"),
    "grid of survivors": lambda: base.head_grid(np.array([[1.0, np.nan], [2.0, 3.0]]), {}, "heads"),
    "f1": lambda: base.f1_figure({"by type": {"PER": (80.0, 75.0, 85.0)}, "by trap": {"list": (50.0, 30.0, 70.0)}}),
    "latency": lambda: base.latency_figure({"mini": LATENCY, "twin": summarise(np.array([40.0]))}),
    "bootstrap": lambda: base.bootstrap_figure({"paired": RANDOM.normal(size=99), "b": np.ones(9)}, "points", True),
    "recovery": lambda: base.recovery_figure({"蒸馏": CURVE, "one point": CURVE[:1]}, {"original": 82.0}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_shares_are_of_the_whole():
    axes = PICTURES["shares"]().axes[0]
    assert [patch.get_width() for patch in axes.patches] == pytest.approx([37.5, 62.5, 0.0])
    assert "62.5 %\n2.50 M" in texts(axes)


def test_crosses_stand_on_the_chosen_heads():
    axes = PICTURES["grid"]().axes[0]
    assert sorted(map(tuple, axes.collections[-1].get_offsets().tolist())) == [(0.5, 0.5), (2.5, 11.5), (3.5, 0.5)]


def test_the_median_of_each_variant_is_written():
    assert {f"{LATENCY.p50:.1f} ms", "40.0 ms"} <= texts(PICTURES["latency"]())


def test_the_interval_in_a_title_is_the_percentile_interval():
    values = np.arange(1001.0)
    (axes,) = base.bootstrap_figure({"x": values}, "points").axes
    assert axes.get_title(loc="left") == "x: 95 % interval [15.00, 985.00], width 970.00"


def test_curves_are_drawn_against_steps():
    recovery, point, level = PICTURES["recovery"]().axes[0].lines
    assert list(recovery.get_xdata()) == [0, 16, 32] and list(recovery.get_ydata()) == [50.0, 70.0, 65.0]
    assert list(point.get_xdata()) == [0.0] and set(level.get_ydata()) == {82.0}
