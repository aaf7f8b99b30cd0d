"""The way from the original to the result: every change has its bar, as long as its time."""

import pytest

from utils.course.figures.compress import waterfall_figure
from utils.measure.verdict import Estimate
from utils.studies.waterfall import Factor

STEPS = [
    Factor("the original", 600.0, 407.0, Estimate(1.0, 1.0, 1.0)),
    Factor("sentences read apart", 400.0, 407.0, Estimate(1.5, 1.4, 1.6)),
    Factor("eight bits", 100.0, 103.0, Estimate(4.0, 3.9, 4.2)),
]


def test_every_change_has_its_bar_its_time_and_its_factor(drawn):
    figure = waterfall_figure(STEPS)
    assert drawn(lambda: figure)
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [600, 400, 100]
    assert [label.get_text() for label in axes.get_yticklabels()] == [step.name for step in STEPS]
    written = [text.get_text() for text in axes.texts]
    assert written[0] == "600 ms" and written[2] == "100 ms · 4.00 times as fast [3.90, 4.20]"


def test_one_version_is_a_picture_too(drawn):
    assert drawn(lambda: waterfall_figure(STEPS[:1]))
    assert waterfall_figure(STEPS[:1]).axes[0].get_xlim()[0] == pytest.approx(0)


def test_what_stands_above_the_base_is_no_gain():
    (axes,) = waterfall_figure(STEPS, base=1).axes
    labels = [text.get_text() for text in axes.texts]
    assert ["times as fast" in label for label in labels] == [False, False, *[True] * (len(STEPS) - 2)]
    assert [label.endswith("the base") for label in labels] == [False, True, *[False] * (len(STEPS) - 2)]
