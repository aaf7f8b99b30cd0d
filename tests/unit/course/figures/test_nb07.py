"""The picture of notebook 07 shows the numbers it was given."""

from engine_rows import ROWS

from utils.course.figures import nb07
from utils.engines import pareto
from utils.engines.pareto import Choice
from utils.measure.row import BACKENDS


def test_decision_figure_has_a_point_and_a_label_for_each_engine():
    found = pareto.choices(ROWS, "07")
    figure = nb07.decision_figure(found, found[1:3])
    assert figure._repr_png_().startswith(b"\x89PNG")
    (axes,) = figure.axes
    labels = [text.get_text() for text in axes.texts]
    assert labels[0] == "openvino-int8, quantized: F1 88.0" and labels[2].endswith("F1 not measured")
    assert {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines} == {
        (c.megabytes, c.milliseconds) for c in found
    }
    assert len(axes.lines) == len(found) + 2  # the rings


def test_every_backend_has_a_colour():
    choices = [Choice("original", backend, 1.0, 1.0, 1.0, None) for backend in BACKENDS]
    assert len(nb07.decision_figure(choices).axes[0].texts) == len(BACKENDS)
