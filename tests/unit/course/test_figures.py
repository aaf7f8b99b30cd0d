"""Every picture draws without a warning, shows the numbers it was given, and has all its glyphs."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.font_manager import FontProperties, findfont, get_font

from utils.course.figures import base, nb00, nb01, nb02, nb03, nb04, results
from utils.files import DATA
from utils.measure.latency import summarise
from utils.measure.ledger import Measured, make_row
from utils.measure.memory import Memory
from utils.text.corpus import load_corpus
from utils.text.tags import RANER_LABELS, legal_moves

MEASURED = make_row("original", "02", "article", "torch-fp32", Measured()) | {
    "f1": 84.25, "f1_low": 82.0, "f1_high": 86.5, "latency_ms": {"p50": 743.2, "p95": 800.0},
    "file_bytes": 406_000_000, "rss_mb": 1250.0,
}  # fmt: skip
UNMEASURED = make_row("quantized", "06", "article", "torch-int8", Measured())
RANDOM = np.random.default_rng(0)
LATENCY = summarise(RANDOM.normal(10, 1, 30))

PICTURES = {
    "results": lambda: results.results_figure([MEASURED, UNMEASURED]),
    "no results": lambda: results.results_figure([]),
    "map": lambda: nb00.course_map({"00", "01"}, here="00"),
    "shares": lambda: base.shares_figure({"mini": {"embeddings": 1.5, "attention": 2.5, "tagging": 0.0}}, "M"),
    "corpus": lambda: nb01.corpus_figure(
        {"财经": {"PER": 3, "LOC": 1}, "气象灾害": {"GAME": 2}}, [12, 40, 33], {"list": 3}, {"PER": 97.0, "GAME": 5.0}
    ),
    "corpus without traps": lambda: nb01.corpus_figure({"": {"PER": 3}}, [12], {}, {"PER": 97.0}),
    "transitions": lambda: nb01.transition_heatmap(RANER_LABELS, np.eye(13), legal_moves(RANER_LABELS)),
    "no crf": lambda: nb01.transition_heatmap(RANER_LABELS, np.zeros((13, 13)), legal_moves(RANER_LABELS)),
    "grid": lambda: nb03.head_grid(np.arange(144.0).reshape(12, 12), {0: [0, 3], 11: [2]}, "头的重要性"),
    "grid of survivors": lambda: nb03.head_grid(np.array([[1.0, np.nan], [2.0, 3.0]]), {}, "heads"),
    "f1": lambda: base.f1_figure({"by type": {"PER": (80.0, 75.0, 85.0)}, "by trap": {"list": (50.0, 30.0, 70.0)}}),
    "samples": lambda: nb02.samples_figure(LATENCY.samples, "一句话"),
    "latency": lambda: base.latency_figure({"mini": LATENCY, "twin": summarise(np.array([40.0]))}),
    "memory": lambda: nb02.memory_figure({"mini": Memory(500.0, 390.0)}),
    "bootstrap": lambda: nb02.bootstrap_figure({"paired": RANDOM.normal(size=99), "b": np.ones(9)}, "points", True),
    "savings": lambda: nb04.savings_figure({"parameters": {"heads": {0: 0.0, 100: 28.0}}}, {"parameters": 18.0}),
    "curves": lambda: nb04.f1_curves({"heads": {0: (80.0, 75.0, 85.0), 0.5: (60.0, 50.0, 70.0)}}, {"bend": 0.5}),
    "left": lambda: nb04.left_figure({"时间": {"mini": {0: 100.0, 0.5: 70.0}}, "size": {"mini": {0: 100.0}}}),
}


def texts(figure):
    return {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_chinese_text_renders(caplog):
    figure = base.Picture(figsize=(3, 1))
    figure.text(0, 0.5, "高峰避开了早高峰：国家图书馆馆长陈默昨日在北京说……“萤火”《渡口》 ABC 123 ± − → ≥")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure._repr_png_()


def test_a_missing_glyph_would_be_noticed():
    figure = base.Picture(figsize=(3, 1))
    figure.text(0, 0.5, "\U00020bb7")
    with pytest.warns(UserWarning, match="missing from font"):
        figure._repr_png_()


def test_the_font_of_the_repository_is_used():
    assert Path(findfont(FontProperties())).name == base.FONT.name


def test_the_font_has_every_character_of_our_texts():
    known = set(get_font(str(base.FONT)).get_charmap())
    split_texts = [sentence.text for split in load_corpus() for sentence in split]
    needed = set("".join(split_texts) + (DATA / "article.txt").read_text("utf-8")) - set("\n")
    assert {character for character in needed if ord(character) not in known} == set()


def test_the_font_may_be_given_on():
    licence = (base.FONT.parent / "OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence and "Adobe" in licence


def test_results_say_what_was_measured_and_what_was_not():
    figure = results.results_figure([MEASURED, UNMEASURED])
    shown = texts(figure)
    assert {"743", "406", "1,250", "84.2"} <= shown
    assert sum(text.get_text() == "not measured" for axes in figure.axes for text in axes.texts) == 4
    assert all(axes.get_xlim()[0] == 0 for axes in figure.axes[:3]) and figure.axes[3].get_xlim()[0] > 0


def test_the_map_names_every_notebook_and_fills_those_that_are_there():
    figure = nb00.course_map({"00"})
    assert {stop[0] for stop in nb00.STOPS} <= texts(figure)
    stations = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() != "white" for line in stations] == [True] + [False] * (len(stations) - 1)


def test_shares_are_of_the_whole():
    axes = PICTURES["shares"]().axes[0]
    assert [patch.get_width() for patch in axes.patches] == pytest.approx([37.5, 62.5, 0.0])
    assert "62.5 %\n2.50 M" in texts(axes)


def test_crosses_stand_on_the_chosen_heads():
    axes = PICTURES["grid"]().axes[0]
    assert sorted(map(tuple, axes.collections[-1].get_offsets().tolist())) == [(0.5, 0.5), (2.5, 11.5), (3.5, 0.5)]


def test_forbidden_moves_are_crossed():
    legal = legal_moves(RANER_LABELS)
    axes = PICTURES["transitions"]().axes[0]
    crossed = {(int(y), int(x)) for x, y in axes.collections[-1].get_offsets()}
    assert crossed == set(zip(*map(list, np.nonzero(~legal)), strict=True))


def test_a_curve_of_shares_is_drawn_in_percent():
    figure = nb04.f1_curves({"heads": {0: (80.0, 75.0, 85.0), 0.5: (60.0, 50.0, 70.0)}}, {"bend": 0.5})
    curve, mark = figure.axes[0].get_lines()
    assert list(curve.get_xdata()) == [0, 50] and list(curve.get_ydata()) == [80, 60]
    assert set(mark.get_xdata()) == {50} and "bend: 50 %" in texts(figure)
    (left,) = nb04.left_figure({"size": {"mini": {0: 100.0, 0.5: 70.0}}}).axes[0].get_lines()
    assert list(left.get_xdata()) == [0, 50] and list(left.get_ydata()) == [100, 70]


def test_no_saving_leaves_the_picture():
    figure = nb04.savings_figure({"a": {"heads": {0: 0.0, 100: 28.0}}, "b": {"heads": {100: 60.0}}}, {"a": 18, "b": 26})
    assert all(axes.get_ylim()[0] == 0 and axes.get_ylim()[1] > 60 for axes in figure.axes)


def test_the_median_of_each_variant_is_written():
    assert {f"{LATENCY.p50:.1f} ms", "40.0 ms"} <= texts(PICTURES["latency"]())


def test_the_interval_in_a_title_is_the_percentile_interval():
    values = np.arange(1001.0)
    (axes,) = nb02.bootstrap_figure({"x": values}, "points").axes
    assert axes.get_title(loc="left") == "x: 95 % within [25.00, 975.00], width 950.00"


@pytest.mark.parametrize(("colour", "value"), [("black", 0.0), ("white", 1.0), ("#808080", 0.2159)])
def test_luminance(colour, value):
    assert base.luminance(colour) == pytest.approx(value, abs=1e-4)
