"""Errors are named and counted as a reader names and counts them; none is lost, none counted twice."""

from collections import Counter

import pytest
from answers import corpora, entities_of
from hypothesis import given, settings

from utils.measure.error_analysis import KINDS, error_profile, error_table, found_names, harder_on_new_names, names_of
from utils.text.entities import Span, annotate
from utils.text.formats.bracketed import parse_bracketed

GOLD = [
    parse_bracketed(line)
    for line in ("[北京](LOC)与[上海](LOC)。", "[唐虹](PER)说。", "[新华社](ORG)记者[王](PER)。", "今天。")
]
ANSWERS = [
    parse_bracketed(line).entities
    for line in ("[北京](LOC)与上海。", "[唐虹说](PER)。", "[新华社](LOC)记者[王](PER)。", "[今](LOC)天。")
]
"""Two right (北京, 王); 上海 missed; 唐虹 with a wrong end; 新华社 of a wrong type; 今 spurious."""
KNOWN = names_of([parse_bracketed("[北京](LOC)的[上海](ORG)"), parse_bracketed("[唐虹](PER)，[王](PER)")])


def test_a_profile_is_what_a_reader_counts():
    found = error_profile(GOLD, ANSWERS, KNOWN)
    by_type, errors, names = found.values()
    assert by_type == pytest.approx({"LOC": 200 / (2 + 3), "ORG": 0, "PER": 200 / (2 + 2)})
    assert errors == pytest.approx(dict.fromkeys(("missed", "wrong boundary", "wrong type", "spurious"), 100 / 5))
    assert names == pytest.approx({"seen in train": 100 * 2 / 3, "new": 0})


def test_nothing_is_broken_where_all_is_right():
    by_type, errors, names = error_profile(GOLD, [sentence.entities for sentence in GOLD], KNOWN).values()
    assert set(by_type.values()) == {100} and set(errors.values()) == {0} and set(names.values()) == {100}


def test_a_type_that_is_never_annotated_has_no_f1():
    assert list(error_profile(GOLD[:1], [ANSWERS[2]], KNOWN)["F1 by type (points)"]) == ["LOC"]


def test_errors_are_counted_for_every_hundred_names_and_where_there_is_none_as_they_are():
    one, none = parse_bracketed("[北京](LOC)。"), parse_bracketed("今天。")
    missed, spurious = error_profile([one], [[]], KNOWN), error_profile([none], [ANSWERS[3]], KNOWN)
    panel = "errors for every 100 names"
    assert missed[panel] == dict.fromkeys(KINDS, 0) | {"missed": 100}
    assert spurious[panel] == dict.fromkeys(KINDS, 0) | {"spurious": 100}


def test_a_name_is_known_with_its_type_only():
    assert found_names(GOLD[:1], ANSWERS[:1], names_of(GOLD)) == {"seen in train": 50}
    assert found_names(GOLD[:1], ANSWERS[:1], {("北京", "PER")}) == {"new": 50}


@pytest.mark.parametrize(
    ("gold", "found", "expected"),
    [
        ([Span(0, 4, "ORG")], [], [("missed", "北京大学", "")]),
        ([], [Span(4, 6, "PER")], [("spurious", "", "王伟")]),
        ([Span(0, 4, "ORG")], [Span(0, 4, "LOC")], [("wrong type", "北京大学", "北京大学")]),
        ([Span(0, 4, "ORG")], [Span(0, 2, "LOC")], [("wrong boundary", "北京大学", "北京")]),
        ([Span(0, 4, "ORG")], [Span(0, 1, "LOC"), Span(1, 4, "ORG")], [
            ("wrong boundary", "北京大学", "京大学"), ("spurious", "", "北"),
        ]),
        ([Span(0, 2, "LOC"), Span(2, 4, "ORG")], [Span(0, 4, "ORG")], [
            ("wrong boundary", "北京", "北京大学"), ("missed", "大学", ""),
        ]),
        ([Span(0, 4, "ORG"), Span(4, 6, "PER")], [Span(0, 4, "ORG"), Span(4, 6, "PER")], []),
    ],
)  # fmt: skip
def test_error_kinds(gold, found, expected):
    sentence = annotate("北京大学王伟", gold, domain="教育", trap="org-contains-loc")
    rows = error_table([annotate("无", []), sentence], [[], entities_of(sentence, found)])
    assert [(row.kind, row.gold_text, row.predicted_text) for row in rows] == expected
    assert {(row.domain, row.trap, row.sentence) for row in rows} <= {("教育", "org-contains-loc", 1)}


@settings(max_examples=200, deadline=None)
@given(corpora)
def test_error_rows_add_up_to_the_wrong_entities_of_both_sides(corpus):
    sentences, predictions = map(list, zip(*corpus, strict=True))
    rows = error_table(sentences, predictions)
    for index, (sentence, found) in enumerate(corpus):
        spans = {entity.span for entity in found}
        mine = [row for row in rows if row.sentence == index]
        assert Counter(row.gold_type for row in mine if row.gold_type) == Counter(
            s.type for s in sentence.spans - spans
        )
        assert Counter(row.predicted_type for row in mine if row.predicted_type) == Counter(
            s.type for s in spans - sentence.spans
        )


def test_a_missing_answer_is_an_error():
    with pytest.raises(ValueError):
        error_table(GOLD[:1], [])


def test_where_new_names_lost_more_than_known_ones_is_said_with_an_interval():
    """Of 40 known names 4 are lost, of 40 new ones 20: 40 points more, and an interval like that of two shares."""
    gold = [parse_bracketed(line) for line in ("[北京](LOC)大。", "[唐虹](PER)说。")] * 40
    known, right = names_of(gold[:1]), [sentence.entities for sentence in gold]
    after = [[] if n % 20 == 0 or n % 4 == 1 else found for n, found in enumerate(right)]
    assert found_names(gold, after, known) == {"seen in train": 90, "new": 50}
    gap = harder_on_new_names(gold, right, after, known)
    assert gap.value == pytest.approx(40)
    error = 100 * ((0.9 * 0.1 + 0.5 * 0.5) / 40) ** 0.5
    assert (gap.low, gap.high) == pytest.approx((40 - 2.17 * error, 40 + 2.17 * error), abs=0.35 * error)
    turned = harder_on_new_names(gold, right, after, names_of(gold[1:2]))
    assert turned == pytest.approx((-gap.value, -gap.high, -gap.low))
    assert harder_on_new_names(gold, right, right, known) == (0, 0, 0)
