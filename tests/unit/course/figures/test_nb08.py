"""The pictures of notebook 08 show the numbers they were given."""

import pytest
from engine_rows import FRONT
from matplotlib.collections import LineCollection, PathCollection

from utils.course.figures import nb08
from utils.engines import pareto
from utils.studies.cut_search import Candidate


def test_front_figure_sizes_its_points_by_the_file(drawn):
    figure = nb08.front_figure(FRONT, pareto.front(FRONT), {})
    areas = [each.get_sizes()[0] for each in figure.axes[0].collections if isinstance(each, PathCollection)]
    assert areas == [pytest.approx(4 * c.megabytes) for c in FRONT if c.f1 is not None]
    assert drawn(lambda: figure).startswith(b"\x89PNG")


def test_front_figure_draws_each_interval_through_its_point():
    intervals = {choice.name: (choice.f1 - 2, choice.f1 + 1) for choice in FRONT[:2]}
    (axes,) = nb08.front_figure(FRONT, pareto.front(FRONT), intervals).axes
    lines = [each.get_segments()[0] for each in axes.collections if isinstance(each, LineCollection)]
    drawn = [(x, low, high) for (x, low), (_, high) in lines if low < high]
    assert drawn == [(choice.milliseconds, *intervals[choice.name]) for choice in FRONT[:2]]


def test_search_figure_draws_each_engine_and_budget(drawn):
    found = [Candidate(engine, 0.5, 0.5, ms, f1) for engine in "ab" for ms, f1 in ((5.0, 60.0), (20.0, 80.0))]
    figure = nb08.search_figure(found, {"2 times": 15.0})
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b"]
    assert drawn(lambda: figure)
