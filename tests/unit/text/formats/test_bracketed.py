"""Our own format: what is written is read, what is malformed is named by file and line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_corpora import LINE, SENTENCE, write

from utils.files import DATA
from utils.text.entities import CorpusError
from utils.text.formats.bracketed import format_bracketed, parse_bracketed, read_bracketed


def test_bracketed_line():
    assert parse_bracketed(LINE) == SENTENCE


any_text = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=6)
special = st.text("[]()\\#PER陈 ", max_size=6)
pieces = st.one_of(any_text, special)


def written(text):
    """With a backslash before each character that means something."""
    return "".join(f"\\{c}" if c in "[]#\\" else c for c in text)


@given(st.lists(st.tuples(pieces, pieces.filter(bool), st.sampled_from(["PER", "LOC", "TITLE"])), max_size=5), pieces)
def test_bracketed_text_is_read_whole(marked, tail):
    line = "".join(f"{written(before)}[{written(name)}]({kind})" for before, name, kind in marked) + written(tail)
    sentence = parse_bracketed(line)
    assert [(e.text, e.type) for e in sentence.entities] == [(name, kind) for _, name, kind in marked]
    assert sentence.text == "".join(before + name for before, name, _ in marked) + tail
    assert parse_bracketed(format_bracketed(sentence)) == sentence


@pytest.mark.parametrize(
    ("line", "text", "names"),
    [
        (r"\# 不是标题。", "# 不是标题。", []),
        (r"见\[1\]，[陈默](PER)说。", "见[1]，陈默说。", ["陈默"]),
        (r"[陈\[默\]](PER)说。", "陈[默]说。", ["陈[默]"]),
        (r"\[陈默\](PER)说。", "[陈默](PER)说。", []),
        (r"在C:\课程\\里。", r"在C:\课程\里。", []),
        (r"第#3号，[陈默](PER)。", "第#3号，陈默。", ["陈默"]),
    ],
)
def test_a_backslash_takes_the_meaning_away(tmp_path, line, text, names):
    path = write(tmp_path / "c.txt", f"# domain: 文化\n{line}\n")
    (sentence,) = read_bracketed(path)
    assert sentence.text == text and [entity.text for entity in sentence.entities] == names


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_the_shipped_corpus_holds_no_backslash_that_would_mean_something_now(split):
    assert "\\" not in (DATA / "corpus" / f"{split}.txt").read_text("utf-8")


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
        (r"[陈默\](PER)说。", "bracket"),
        ("# 陈默说。", r"begins with \\#"),
        ("# trap: hard", "unknown trap 'hard'"),
        ("# Domain: 文化", "unknown section mark"),
    ],
)
def test_malformed_bracketed_line_is_named(tmp_path, line, reason):
    path = write(tmp_path / "c.txt", f"# domain: 文化\n{LINE}\n{line}\n{LINE}\n")
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:3: .*{reason}"):
        read_bracketed(path)
