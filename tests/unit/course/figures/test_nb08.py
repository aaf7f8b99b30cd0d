"""The picture of notebook 08 shows the numbers that it was given."""

from matplotlib.collections import LineCollection

from utils.course.figures import nb08
from utils.studies.cut_search import Candidate


def test_search_figure_draws_each_engine_and_budget(drawn):
    found = [Candidate(engine, 0.5, 0.5, ms, f1) for engine in "ab" for ms, f1 in ((5.0, 60.0), (20.0, 80.0))]
    figure = nb08.search_figure(found, {"2 times": 15.0}, noise=2.5)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b"]
    (thick,) = [each for each in figure.axes[0].collections if isinstance(each, LineCollection)]
    assert thick.get_segments()[0].tolist() == [[15.0, 57.5], [15.0, 60.0]]
    assert drawn(lambda: figure)
