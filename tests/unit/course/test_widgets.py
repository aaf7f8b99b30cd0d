"""Markup that cannot be broken into, colours that can be read, widgets that follow their controls."""

import html
import re

import pytest
import torch

from utils.course.figures.style import luminance
from utils.course.widgets import (
    ALL,
    COLOURS,
    OTHER,
    compared,
    error_browser,
    head_explorer,
    highlighted,
    show,
    survivors,
    tagging_box,
    wrong_sentences,
)
from utils.measure.error_analysis import ErrorRow
from utils.text.entities import Entity, Sentence, Span, annotate


def text_of(markup):
    """What a reader sees of the text: labels and tags taken away."""
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"<sub.*?</sub>", "", markup).replace("<br>", "\n")))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("陈默在北京", [Span(0, 2, "PER"), Span(3, 5, "LOC")]),
        ("<script>alert(1)</script>&\"'", [Span(0, 8, "ORG")]),
        ("🙂北京\n2008", [Span(1, 3, "LOC")]),
        ("", []),
    ],
)
def test_the_text_survives(text, spans):
    assert text_of(highlighted(text, annotate(text, spans).entities)) == text


def test_nothing_typed_becomes_markup():
    markup = highlighted('<b>"x"</b><img src=x onerror=y>', [Entity(0, 3, "<i>", "<b>", 0.5)])
    tags = set(re.findall(r"<(\w+)", markup))
    assert tags == {"div", "mark", "sub"}
    assert "onerror" not in "".join(re.findall(r"<[^>]*>", markup))


def test_every_type_is_written_out_and_confidence_shown_on_hover():
    markup = show("北京", [Entity(0, 2, "LOC", "北京", 0.876)]).data
    assert ">LOC</sub>" in markup and 'title="confidence 0.88"' in markup
    assert "confidence" not in highlighted("北京", [Entity(0, 2, "LOC", "北京")])


@pytest.mark.parametrize("pair", [*COLOURS.values(), OTHER])
def test_contrast_is_sufficient(pair):
    darker, lighter = sorted(map(luminance, pair))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


class Answering:
    """A tagger that finds the first character, whatever it is."""

    def predict(self, texts):
        return [[Entity(0, 1, "PER", text[0], 0.9)] if text else [] for text in texts]


def test_the_box_tags_what_is_typed():
    area, result = tagging_box(Answering(), "陈默").children
    assert ">陈<sub" in result.value
    area.value = "<默"
    assert ">&lt;<sub" in result.value
    area.value = ""
    assert "<mark" not in result.value


ROWS = [
    ErrorRow("missed", "财经", "list", "陈默", "PER", "", "", 0),
    ErrorRow("spurious", "财经", "list", "", "", "北京", "LOC", 0),
    ErrorRow("missed", "体育", "none", "北京", "LOC", "", "", 2),
]


def test_wrong_sentences_are_filtered():
    assert wrong_sentences(ROWS) == [0, 2]
    assert wrong_sentences(ROWS, "spurious") == [0]
    assert wrong_sentences(ROWS, ALL, "none") == [2]
    assert wrong_sentences(ROWS, "spurious", "none") == []


@pytest.fixture
def browser():
    sentences = [
        annotate("陈默说", [Span(0, 2, "PER")], trap="common-word"),
        annotate("去北京", [Span(1, 3, "LOC")], trap="none"),
        annotate("没有了", [], trap="no-entity"),
    ]
    predictions = [[], [Entity(1, 3, "LOC", "北京")], [Entity(0, 2, "ORG", "没有")]]
    controls, result = error_browser(sentences, predictions).children
    return (*controls.children, result)


def test_the_browser_steps_through_wrong_sentences_only(browser):
    _, _, place, result = browser
    assert "1 of 2" in result.value and "陈默" in result.value
    place.value = 2
    assert "2 of 2" in result.value and "没有" in result.value and "北京" not in result.value


def test_the_browser_narrows_and_steps_back(browser):
    kind, trap, place, result = browser
    place.value = 2
    kind.value = "missed"
    assert place.value == 1 and "1 of 1" in result.value and "陈默" in result.value
    trap.value = "no-entity"
    assert "0 of 0" in result.value and "<mark" not in result.value


def test_the_browser_of_a_flawless_tagger_is_empty():
    sentence = Sentence("没有")
    _, result = error_browser([sentence], [[]]).children
    assert "0 of 0" in result.value


def test_a_comparison_shows_both_sides():
    markup = compared(annotate("去北京", [Span(1, 3, "LOC")]), [Entity(0, 1, "ORG", "去")])
    assert markup.index("annotated") < markup.index(">LOC<") < markup.index("tagged") < markup.index(">ORG<")


def test_the_explorer_follows_its_controls():
    scores = {"up": torch.arange(6.0).reshape(2, 3), "down": -torch.arange(6.0).reshape(2, 3)}
    controls, result = head_explorer(scores, [1, 3], {"up": [90, 80], "down": [70.25, 60]}).children
    score, step = controls.children
    assert "5 of 6 heads are left; F1 90.0" in result.value
    assert result.value.endswith(survivors({0: [0]}, 2, 3))
    score.value = "down"
    assert "F1 70.2" in result.value and result.value.endswith(survivors({1: [2]}, 2, 3))
    step.value = 1
    assert "3 of 6 heads are left; F1 60.0" in result.value and result.value.endswith(survivors({1: [0, 1, 2]}, 2, 3))


def test_the_last_layer_stands_on_top_and_heads_keep_their_numbers():
    markup = survivors({1: [0]}, 2, 2)
    assert markup.index("layer 2") < markup.index(">×<") < markup.index("layer 1")
    assert markup.count(">1<") == 1 and markup.count(">2<") == 2
