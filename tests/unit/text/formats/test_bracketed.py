"""Our own format: what is written is read, what is malformed is named by file and line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_corpora import LINE, SENTENCE, write

from utils.text.entities import CorpusError
from utils.text.formats.bracketed import parse_bracketed, read_bracketed


def test_bracketed_line():
    assert parse_bracketed(LINE) == SENTENCE


plain = st.text(st.characters(exclude_characters="[]\r\n", exclude_categories=["Cs"]), max_size=6)
names = plain.filter(bool)


@given(st.lists(st.tuples(plain, names, st.sampled_from(["PER", "LOC", "ORG", "TITLE"])), max_size=5), plain)
def test_bracketed_text_is_read_whole(pieces, tail):
    line = "".join(f"{before}[{name}]({kind})" for before, name, kind in pieces) + tail
    sentence = parse_bracketed(line)
    assert [(e.text, e.type) for e in sentence.entities] == [(name, kind) for _, name, kind in pieces]
    assert sentence.text == "".join(before + name for before, name, _ in pieces) + tail


def test_sections(tmp_path):
    text = f"# domain: 文化\n{LINE}\n\n# trap: no-entity\n雨停了。\n# trap: none\n风大。\n# domain: 交通\n路通了。\n"
    read = read_bracketed(write(tmp_path / "c.txt", text))
    assert [(s.domain, s.trap) for s in read] == [
        ("文化", "none"),
        ("文化", "no-entity"),
        ("文化", "none"),
        ("交通", "none"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[陈默说。", "bracket"),
        ("陈默]说。", "bracket"),
        ("[陈默](per)说。", "bracket"),
        ("[](PER)说。", "bracket"),
        ("[[陈默](PER)](ORG)说。", "bracket"),
        ("# trap: hard", "unknown trap 'hard'"),
        ("# Domain: 文化", "unknown section mark"),
    ],
)
def test_malformed_bracketed_line_is_named(tmp_path, line, reason):
    path = write(tmp_path / "c.txt", f"# domain: 文化\n{LINE}\n{line}\n{LINE}\n")
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:3: .*{reason}"):
        read_bracketed(path)
