"""The pictures of notebook 07 show the numbers they were given."""

import pytest
from engine_rows import ROWS

from utils.course.figures import nb07
from utils.engines import pareto
from utils.engines.onnx_profile import OperatorTime, Profile
from utils.engines.pareto import Choice
from utils.measure.latency import Latency
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


def profile(*rows: tuple[str, int, float]) -> Profile:
    """Of a call of 50 ms, 2 of them between the operators and 3 outside of the graph."""
    operators = [OperatorTime(name, nodes, ms, 100 * ms / 50) for name, nodes, ms in rows]
    return Profile(operators, 2.0, 3.0, Latency(50, 50, (50,)), [(4, 133)])


MIXED = (
    ("MatMulIntegerToFloat", 36, 30.0),
    ("Attention", 12, 10.0),
    ("Gelu", 12, 4.4),
    ("Cast", 1, 0.4),
    ("And", 1, 0.2),
)


def test_operators_figure_has_bars_one_behind_the_other(drawn):
    figure = nb07.operators_figure(profile(*MIXED), {"bound": 35.0})
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[:4] == ["MatMulIntegerToFloat × 36", "Attention × 12", "Gelu × 12", "2 small operators"]
    starts = [bar.get_x() for bar in axes.patches]
    assert starts == pytest.approx([0, 30, 40, 44.4, 45, 47])
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([30, 10, 4.4, 0.6, 2, 3])
    assert drawn(lambda: figure).startswith(b"\x89PNG")


def test_operators_figure_draws_its_lines_where_they_are():
    (axes,) = nb07.operators_figure(profile(*MIXED), {"bound": 35.0, "twice the bound": 70.0}).axes
    assert [line.get_xdata()[0] for line in axes.lines] == [35.0, 70.0] and axes.get_xlim()[1] > 70
    assert [text.get_text() for text in axes.texts][-2:] == ["bound", "twice the bound"]


def test_operators_figure_tells_the_kinds_apart_and_leaves_out_no_bar():
    (axes,) = nb07.operators_figure(profile(*MIXED[:3]), {}).axes
    colours = [bar.get_facecolor() for bar in axes.patches]
    assert len(colours) == 5 and len(set(colours)) == 4  # no operator is small; the last two are in none
