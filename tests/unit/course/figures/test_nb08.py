"""The pictures of notebook 08 show the numbers they were given."""

import pytest
from engine_rows import FRONT
from matplotlib.collections import LineCollection, PathCollection

from utils.course.figures import nb08
from utils.engines import pareto
from utils.studies.cut_search import Candidate


def scored():
    """The choices that have a score, fastest first."""
    return sorted((c for c in FRONT if c.f1 is not None), key=lambda c: c.milliseconds)


def test_front_figure_names_beside_it_what_it_numbers():
    (axes,) = nb08.front_figure(FRONT, pareto.front(FRONT), {}).axes
    *numbers, names = axes.texts
    assert [text.xy for text in numbers] == [(c.milliseconds, c.f1) for c in scored()]
    wanted = [f"{n.get_text()}  {c.name}: {c.megabytes:.0f} MB" for n, c in zip(numbers, scored(), strict=True)]
    assert names.get_text().splitlines() == wanted


def test_front_figure_sizes_its_points_by_the_file(drawn):
    figure = nb08.front_figure(FRONT, pareto.front(FRONT), {})
    areas = [each.get_sizes()[0] for each in figure.axes[0].collections if isinstance(each, PathCollection)]
    assert areas == [pytest.approx(4 * c.megabytes) for c in scored()]
    assert drawn(lambda: figure).startswith(b"\x89PNG")


def test_front_figure_draws_each_interval_through_its_point():
    intervals = {choice.name: (choice.f1 - 2, choice.f1 + 1) for choice in FRONT[:2]}
    (axes,) = nb08.front_figure(FRONT, pareto.front(FRONT), intervals).axes
    lines = [each.get_segments()[0] for each in axes.collections if isinstance(each, LineCollection)]
    drawn = [(x, low, high) for (x, low), (_, high) in lines if low < high]
    assert drawn == [(c.milliseconds, *intervals[c.name]) for c in scored() if c.name in intervals]


def test_search_figure_draws_each_engine_and_budget(drawn):
    found = [Candidate(engine, 0.5, 0.5, ms, f1) for engine in "ab" for ms, f1 in ((5.0, 60.0), (20.0, 80.0))]
    figure = nb08.search_figure(found, {"2 times": 15.0})
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b"]
    assert drawn(lambda: figure)
