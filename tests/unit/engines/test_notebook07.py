"""What notebook 07 shows and asks: its grids, its choice, its pictures, its exercises."""

import time

import numpy as np
import pytest
from tiny_models import random_raner, tiny_tokenizer

from utils.course.exercises import nb07 as exercises
from utils.course.figures import nb07, nb08
from utils.engines import onnx_checks, pareto
from utils.engines.onnx_export import export_onnx
from utils.engines.pareto import Choice
from utils.measure import latency
from utils.text import entities
from utils.text.entities import Span, annotate

# --- Engines -----------------------------------------------------------------------------------


class Recorder:
    """A tagger that notes what it was asked."""

    def __init__(self):
        self.asked = []

    def predict(self, texts, batch_size):
        self.asked.append((len(texts), batch_size))


def test_the_grid_asks_for_each_input_as_one_batch():
    one, other = Recorder(), Recorder()
    curves = latency.latency_grid({"a": one, "b": other}, {1: ["天"], 3: ["天"] * 3}, latency.Rounds(2))
    assert list(curves) == ["a", "b"] and list(curves["a"]) == [1, 3]
    assert all(ms > 0 for curve in curves.values() for ms in curve.values())
    assert set(one.asked) == set(other.asked) == {(1, 1), (3, 3)}


def test_idle_time_is_the_time_after_the_call():
    def busy():
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    assert latency.idle_milliseconds(busy, wait=0.02) < 20


def test_the_pattern_search_finds_the_fused_operators_of_a_graph_and_no_attention(tmp_path):
    path = export_onnx(random_raner(1), tiny_tokenizer(), tmp_path, attention="eager")
    found = onnx_checks.fused_by_pattern(path, heads=4, hidden_size=24)
    assert found["BiasGelu"] == 2 and found["SkipLayerNormalization"] == 4
    assert found["Attention"] == 0


def test_joined_texts_keep_every_entity():
    sentences = [
        annotate("甲在北京。", [Span(2, 4, "LOC")]),
        annotate("乙。", [Span(0, 1, "PER")]),
        annotate("丙丙丙。", []),
    ]
    texts = entities.merge_neighbours(sentences, length=7)
    assert [t.text for t in texts] == ["甲在北京。乙。", "丙丙丙。"]
    assert texts[0].spans == {Span(2, 4, "LOC"), Span(5, 6, "PER")} and texts[1].spans == frozenset()
    assert entities.merge_neighbours(sentences, length=1) == sentences
    assert entities.merge_neighbours([], 5) == []


def row(stage, backend, scale, ms, f1=None, notebook="07"):
    return {
        "stage": stage, "backend": backend, "scale": scale, "notebook": notebook, "f1": f1,
        "latency_ms": {"p50": ms, "p95": ms}, "file_bytes": 4_000_000, "rss_mb": 200.0,
    }  # fmt: skip


ROWS = [
    row("original", "torch-fp32", "mini", 9, 90.0),
    row("original", "torch-fp32", "article", 700),
    row("quantized", "onnx-int8", "mini", 4, 89.6),
    row("quantized", "onnx-int8", "article", 200),
    row("quantized", "openvino-int8", "mini", 4, 88.0),
    row("quantized", "openvino-int8", "article", 150),
    row("original", "onnx-fp32", "article", 400),
    row("pruned", "onnx-int8", "article", 90, notebook="08"),
]


def test_choices_join_the_times_of_one_scale_with_the_f1_of_the_other():
    found = pareto.choices(ROWS, "07")
    assert [(c.backend, c.milliseconds, c.f1) for c in found] == [
        ("openvino-int8", 150, 88.0), ("onnx-int8", 200, 89.6), ("onnx-fp32", 400, None), ("torch-fp32", 700, 90.0),
    ]  # fmt: skip
    assert found[0].megabytes == 4 and found[0].memory == 200


@pytest.mark.parametrize(("margin", "backend"), [(0.3, "torch-fp32"), (0.5, "onnx-int8"), (2.5, "openvino-int8")])
def test_the_pick_is_the_fastest_within_the_margin(margin, backend):
    assert pareto.pick(pareto.choices(ROWS, "07"), margin).backend == backend


def test_nothing_is_picked_without_the_original():
    with pytest.raises(ValueError, match="original/torch-fp32"):
        pareto.pick(pareto.choices(ROWS[2:], "07"), 1)


# --- Pictures ----------------------------------------------------------------------------------


def test_curves_draw_every_engine_in_every_panel():
    curves = {"torch": {32: 2.0, 500: 90.0}, "onnx": {32: 1.0, 500: 40.0}}
    figure = nb07.engine_curves({"1 thread": curves, "2 threads": curves}, "characters")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert [axes.get_title() for axes in figure.axes] == ["1 thread", "2 threads"]
    for axes in figure.axes:
        assert [list(line.get_ydata()) for line in axes.lines] == [list(c.values()) for c in curves.values()]


def test_decision_figure_has_a_point_and_a_label_for_each_engine():
    found = pareto.choices(ROWS, "07")
    figure = nb07.decision_figure(found, found[1])
    assert figure._repr_png_().startswith(b"\x89PNG")
    (axes,) = figure.axes
    labels = [text.get_text() for text in axes.texts]
    assert labels[0] == "openvino-int8, quantized: F1 88.0" and labels[2].endswith("F1 not measured")
    assert {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines} == {
        (c.megabytes, c.milliseconds) for c in found
    }
    assert len(axes.lines) == len(found) + 1  # the ring


def test_every_backend_has_a_colour():
    from utils.measure.row import BACKENDS

    choices = [Choice("original", backend, 1.0, 1.0, 1.0, None) for backend in BACKENDS]
    assert len(nb07.decision_figure(choices).axes[0].texts) == len(BACKENDS)


def test_labels_of_neighbours_keep_their_distance():
    points = [(100, 50), (100, 10), (105, 11), (400, 11)]
    heights = nb07.label_heights(points, near=50, gap=5)
    assert heights == [50, 10, 15, 11]


# --- Exercises ---------------------------------------------------------------------------------


def test_mask():
    checker = exercises.padded_mask
    right = np.array([[1, 1, 1, 1, 0, 0, 0], [1] * 7])
    assert checker(right) is None
    assert "padding takes part" in checker(np.ones((2, 7), int))
    assert "other way round" in checker(1 - right)
    assert "[CLS] and [SEP]" in checker(np.array([[0, 1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 0]]))
    assert "int64" in checker(right.astype(bool)) and "int64" in checker(right.astype(np.float32))
    assert "(2, 7)" in checker(right[0]) and checker(np.zeros((2, 7), int)) is not None


def test_threads():
    checker = exercises.who_has_how_many
    assert checker([1, 4]) is None and checker((1, 4)) is None
    assert "when it was opened" in checker([1, 1])
    assert "other way round" in checker([4, 1])
    assert "bare ONNX Runtime" in checker([1, 8])
    assert "two numbers" in checker([3, 5]) == checker("many") == checker([1])


def test_padding():
    checker = exercises.wasted_on_padding()
    work = sum(n + 2 for n in exercises.SENTENCE_LENGTHS)
    everything = 4 * 46
    assert checker(100 * (everything - work) / everything) is None
    assert "percent" in checker((everything - work) / everything)
    assert "how many percent" in checker(everything - work)
    assert "[CLS]" in checker(100 * 72 / 176)
    assert "real positions" in checker(100 * 72 / work)
    assert "not padding" in checker(100 * work / everything)


FRONT = [
    Choice("slow and good", "torch-fp32", 100.0, 400.0, 800.0, 90.0),
    Choice("beaten", "torch-int8", 60.0, 100.0, 600.0, 84.0),
    Choice("between", "onnx-int8", 50.0, 100.0, 300.0, 85.0),
    Choice("fast", "onnx-int8", 10.0, 40.0, 250.0, 80.0),
    Choice("unknown", "onnx-fp32", 1.0, 400.0, 500.0, None),
]


def test_the_front_is_what_brute_force_finds():
    scored = [c for c in FRONT if c.f1 is not None]
    beaten = {a for a in scored for b in scored if b != a and b.milliseconds <= a.milliseconds and b.f1 >= a.f1}
    assert set(pareto.front(FRONT)) == set(scored) - beaten
    assert [c.stage for c in pareto.front(FRONT)] == ["fast", "between", "slow and good"]


def test_front_figure_sizes_its_points_by_the_file(drawn):
    figure = nb08.front_figure(FRONT, pareto.front(FRONT))
    areas = [points.get_sizes()[0] for points in figure.axes[0].collections]
    assert areas == [pytest.approx(4 * c.megabytes) for c in FRONT if c.f1 is not None]
    assert drawn(lambda: figure).startswith(b"\x89PNG")
