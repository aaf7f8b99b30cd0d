"""A run's results draw without a warning and say what was measured."""

import pytest
from pictures import texts

from utils.course.figures import results
from utils.measure.ledger import Measured, make_row

MEASURED = make_row("original", "02", "article", "torch-fp32", Measured()) | {
    "f1": 84.25, "f1_low": 82.0, "f1_high": 86.5, "latency_ms": {"p50": 743.2, "p95": 800.0},
    "file_bytes": 406_000_000, "rss_mb": 1250.0,
}  # fmt: skip
UNMEASURED = make_row("quantized", "06", "article", "torch-int8", Measured())
PICTURES = {
    "results": lambda: results.results_figure([MEASURED, UNMEASURED]),
    "no results": lambda: results.results_figure([]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_results_say_what_was_measured_and_what_was_not():
    figure = results.results_figure([MEASURED, UNMEASURED])
    shown = texts(figure)
    assert {"743", "406", "1,250", "84.2"} <= shown
    assert sum(text.get_text() == "not measured" for axes in figure.axes for text in axes.texts) == 4
    assert all(axes.get_xlim()[0] == 0 for axes in figure.axes[:3]) and figure.axes[3].get_xlim()[0] > 0


def test_without_any_score_there_is_no_panel_for_it():
    figure = results.results_figure([MEASURED | {"f1": None, "f1_low": None, "f1_high": None}, UNMEASURED])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["median time (ms)", "file size (MB)", "peak memory (MB)"]
