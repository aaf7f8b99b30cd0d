"""Every picture has the course's font while it is drawn, and every other keeps its own."""

import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from utils.course.figures import style
from utils.files import DATA, ROOT
from utils.text.corpus import load_corpus


def test_chinese_text_renders(caplog):
    figure = style.Picture(figsize=(3, 1))
    figure.text(0, 0.5, "高峰避开了早高峰：国家图书馆馆长陈默昨日在北京说……“萤火”《渡口》 ABC 123 ± − → ≥")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure._repr_png_()


def test_a_missing_glyph_would_be_noticed():
    figure = style.Picture(figsize=(3, 1))
    figure.text(0, 0.5, "\U00020bb7")
    with pytest.warns(UserWarning, match="missing from font"):
        figure._repr_png_()


IMPORT = """
import importlib, pkgutil, matplotlib
from matplotlib import font_manager
fonts = list(font_manager.fontManager.ttflist)
before = dict(matplotlib.rcParams)
from utils.course import figures
for module in pkgutil.iter_modules(figures.__path__):
    importlib.import_module(f"utils.course.figures.{module.name}")
changed = [key for key, value in before.items() if matplotlib.rcParams[key] != value]
print(changed, fonts == font_manager.fontManager.ttflist)
"""


def test_an_import_changes_no_setting_of_matplotlib():
    done = subprocess.run([sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[] True\n", done.stderr


def test_drawing_leaves_the_settings_and_the_pictures_of_others_alone():
    before, other = dict(matplotlib.rcParams), Figure()
    style.picture(2, 1).subplots().get_figure()._repr_png_()
    text = other.text(0, 0.5, "mine")
    assert dict(matplotlib.rcParams) == before and text.get_fontfamily() == before["font.family"]


def test_every_text_of_a_picture_is_drawn_with_the_font_of_the_repository():
    figure = style.picture(3, 2)
    axes = figure.subplots()
    axes.plot([-1, 1], [0, 1], label="线")
    axes.legend()
    style.plain_axes(axes, "title", "x", "y")
    with matplotlib.rc_context({"font.family": "monospace"}):
        figure._repr_png_()
    shown = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    assert len(shown) > 8, "tick labels are texts, too"
    assert {Path(findfont(text.get_fontproperties())).name for text in shown} == {style.FONT.name}
    assert "-1.0" in {text.get_text() for text in shown}, "the font has no long minus"


def test_without_the_font_of_the_repository_pictures_are_drawn_all_the_same(tmp_path, monkeypatch, drawn):
    monkeypatch.setattr(style, "FONT", tmp_path / "none.otf")
    figure = style.picture(2, 1)
    text = figure.text(0, 0.5, "abc")
    assert drawn(lambda: figure) and text.get_fontfamily() == [style.FALLBACK]


def test_the_font_has_every_character_of_our_texts():
    known = set(get_font(str(style.FONT)).get_charmap())
    split_texts = [sentence.text for split in load_corpus() for sentence in split]
    needed = set("".join(split_texts) + (DATA / "article.txt").read_text("utf-8")) - set("\n")
    assert {character for character in needed if ord(character) not in known} == set()


def test_the_font_may_be_given_on():
    licence = (style.FONT.parent / "OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence and "Adobe" in licence


@pytest.mark.parametrize(("colour", "value"), [("black", 0.0), ("white", 1.0), ("#808080", 0.2159)])
def test_luminance(colour, value):
    assert style.luminance(colour) == pytest.approx(value, abs=1e-4)


def test_labels_of_neighbours_keep_their_distance():
    points = [(100, 50), (100, 10), (105, 11), (400, 11)]
    assert style.label_heights(points, near=50, gap=5) == [50, 10, 15, 11]
