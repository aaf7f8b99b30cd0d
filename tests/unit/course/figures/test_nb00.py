"""The map of the course draws without a warning and names every notebook."""

from pictures import texts

from utils.course.figures import nb00


def test_the_map_draws_without_a_warning(drawn):
    assert drawn(lambda: nb00.course_map({"00", "01"}, here="00")).startswith(b"\x89PNG")


def test_the_map_names_every_notebook_and_fills_those_that_are_there():
    figure = nb00.course_map({"00"})
    assert {stop[0] for stop in nb00.STOPS} <= texts(figure)
    stations = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() != "white" for line in stations] == [True] + [False] * (len(stations) - 1)


def test_each_phase_has_a_colour_of_its_own_and_a_station():
    assert {stop[3] for stop in nb00.STOPS} == set(nb00.PHASES)
    assert len({colour for _, colour in nb00.PHASES.values()}) == len(nb00.PHASES)
    legend = [text.get_text() for text in nb00.course_map(set()).axes[0].get_legend().get_texts()]
    assert [line.split(":")[0] for line in legend] == list(nb00.PHASES)
