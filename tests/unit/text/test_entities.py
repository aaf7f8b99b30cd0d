"""Spans and their text: what is refused, what is sorted, what merging keeps."""

import pytest

from utils.text.entities import Entity, Span, annotate, merge_neighbours


@pytest.mark.parametrize("spans", [[(0, 0, "PER")], [(2, 1, "PER")], [(1, 4, "PER")], [(-1, 1, "PER")]])
def test_annotate_refuses_empty_and_outside_spans(spans):
    with pytest.raises(ValueError, match="PER span"):
        annotate("陈默说", [Span(*span) for span in spans])


def test_annotate_refuses_overlap_and_sorts():
    with pytest.raises(ValueError, match="overlaps"):
        annotate("陈默说", [Span(0, 2, "PER"), Span(1, 3, "LOC")])
    sentence = annotate("😀京沪", [Span(2, 3, "LOC"), Span(1, 2, "LOC")], "交通", "abbreviation")
    assert sentence.entities == (Entity(1, 2, "LOC", "京"), Entity(2, 3, "LOC", "沪"))
    assert (sentence.domain, sentence.trap) == ("交通", "abbreviation")


def test_merged_neighbours_keep_every_entity():
    sentences = [
        annotate("甲在北京。", [Span(2, 4, "LOC")]),
        annotate("乙。", [Span(0, 1, "PER")]),
        annotate("丙丙丙。", []),
    ]
    texts = merge_neighbours(sentences, length=7)
    assert [t.text for t in texts] == ["甲在北京。乙。", "丙丙丙。"]
    assert texts[0].spans == {Span(2, 4, "LOC"), Span(5, 6, "PER")} and texts[1].spans == frozenset()
    assert merge_neighbours(sentences, length=1) == sentences
    assert merge_neighbours([], 5) == []
