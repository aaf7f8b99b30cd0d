"""Cuts lose nothing, and fall where a reader would pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.text.segmentation import segments, sentence_ranges


@given(st.text("甲乙。！？；\n，、: ", max_size=200), st.integers(1, 30))
def test_segments_partition_the_text(text, limit):
    ranges = segments(text, limit)
    assert "".join(text[start:end] for start, end in ranges) == text
    assert all(0 < end - start <= limit for start, end in ranges) or text == ""
    for start, end in ranges[:-1]:
        window = text[start : start + limit]
        if any(mark in window for mark in "。！？；\n"):
            assert text[end - 1] in "。！？；\n"
        elif any(mark in window for mark in "，、: "):
            assert text[end - 1] in "，、: "
        else:
            assert end - start == limit


@given(st.text("甲乙，。！？”）;\r\n", max_size=60))
def test_sentences_partition_the_text(text):
    parts = [text[start:end] for start, end in sentence_ranges(text)]
    assert "".join(parts) == text and all(parts)
    for part in parts[:-1]:
        assert any(mark in part for mark in "。！？;\n") and part[-1] in "。！？;\n”）\r"
    for part in parts:
        assert part.rstrip("。！？;\n”）\r") == "" or not set("。！？;\n") & set(part.rstrip("。！？;\n”）\r"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("他说：“好。”走了。", ["他说：“好。”", "走了。"]),
        ("甲！？乙\r\n\r\n丙", ["甲！？", "乙\r\n\r\n", "丙"]),
        ("", []),
        ("没有句号", ["没有句号"]),
    ],
)
def test_a_sentence_keeps_its_closing_marks(text, parts):
    assert [text[start:end] for start, end in sentence_ranges(text)] == parts


def test_cut_falls_behind_the_last_sentence_end():
    assert segments("甲。乙。丙丁戊己", 5) == [(0, 4), (4, 8)]
    assert segments("甲乙，丙丁戊己", 5) == [(0, 3), (3, 7)]
    assert segments("甲乙丙丁戊己庚", 5) == [(0, 5), (5, 7)]
