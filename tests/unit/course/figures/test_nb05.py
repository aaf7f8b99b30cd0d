"""The pictures of notebook 05 draw without a warning and show the numbers they were given."""

import math
from types import SimpleNamespace

import pytest

from utils.compress.curves import Epoch
from utils.course.figures import nb05

CURVE = [Epoch(0, 0, math.nan, 50.0, 0.0), Epoch(1, 16, 0.4, 70.0, 2.5), Epoch(2, 32, 0.1, 65.0, 5.0)]
DAMAGES = {
    "original": {"F1 by type": {"PER": 90.0, "LOC": 80.0}, "names found (%)": {"new": 70.0}},
    "剪枝": {"F1 by type": {"PER": 60.0, "LOC": 75.0}, "names found (%)": {"new": 40.0}},
}


def evaluation(f1, half=2.0):
    return SimpleNamespace(scores=SimpleNamespace(f1=f1), f1_low=f1 - half, f1_high=f1 + half)


AMOUNTS = {30: evaluation(60.0), 100: evaluation(70.0), 320: evaluation(74.0)}
SEEDS = {
    "steps": {
        "fine-tuning": {10: [60.0, 61.0, 65.0], 90: [70.0, 72.0, 71.0]},
        "distillation": {10: [62.0], 90: [70.5]},
    },
    "sentences": {"fine-tuning": {30: [50.0, 52.0, 51.0], 320: [70.0, 71.0, 69.0]}},
}
PICTURES = {
    "amounts": lambda: nb05.amounts_figure(AMOUNTS, {"with copies": (100, evaluation(73.0))}, evaluation(30.0)),
    "seeds": lambda: nb05.seeds_figure(SEEDS),
    "no study": lambda: nb05.seeds_figure({"steps": {}, "sentences": {}}),
    "damage": lambda: nb05.error_profile_figure(DAMAGES),
    "one question": lambda: nb05.error_profile_figure({"original": {"F1": {"PER": 90.0}}}),
    "over-fitting": lambda: nb05.overfitting_figure(CURVE, CURVE[1]),
    "no epoch yet": lambda: nb05.overfitting_figure(CURVE[:1], CURVE[0]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_every_group_has_a_dot_a_model_the_first_model_on_top():
    figure = PICTURES["damage"]()
    types, names = figure.axes
    assert [list(line.get_xdata()) for line in types.lines] == [[90.0, 60.0], [80.0, 75.0]]
    assert [list(line.get_xdata()) for line in names.lines] == [[70.0, 40.0]]
    assert list(types.lines[0].get_ydata()) == list(DAMAGES) and types.get_ylim()[0] > types.get_ylim()[1]


def test_loss_and_f1_share_their_steps_and_the_kept_one_is_marked():
    loss, f1 = PICTURES["over-fitting"]().axes
    assert list(loss.lines[0].get_ydata())[1:] == [0.4, 0.1]
    assert list(f1.lines[0].get_ydata()) == [50.0, 70.0, 65.0]
    assert list(f1.lines[0].get_xdata()) == [point.step for point in CURVE]
    assert all(set(axes.lines[1].get_xdata()) == {CURVE[1].step} for axes in (loss, f1))


def test_amounts_have_their_intervals_and_a_model_beside_the_curve_stands_beside_it():
    (axes,) = PICTURES["amounts"]().axes
    curve, copies = axes.containers
    assert list(curve.lines[0].get_xdata()) == [30, 100, 320] and list(curve.lines[0].get_ydata()) == [60, 70, 74]
    (bars,) = curve.lines[2]
    assert [list(segment[:, 1]) for segment in bars.get_segments()] == [[58, 62], [68, 72], [72, 76]]
    assert 100 < copies.lines[0].get_xdata()[0] < 110
    assert [label.get_text() for label in axes.get_xticklabels()] == ["30", "100", "320"]


def test_every_seed_is_a_dot_and_the_line_goes_through_medians():
    steps, sentences = PICTURES["seeds"]().axes
    dots, line, *_ = steps.lines
    assert sorted(dots.get_ydata()) == [60, 61, 65, 70, 71, 72] and list(line.get_ydata()) == [61, 71]
    assert list(sentences.lines[1].get_xdata()) == [30, 320]
