"""Which format a file is in: by all of its lines, or as one says."""

import gzip
import re

import pytest
from small_corpora import CONLL, CONLL_SENTENCES, LINE, SENTENCE, jsonl, write

from utils.text.corpus import read_file
from utils.text.entities import CorpusError
from utils.text.formats.detect import FORMATS, format_of

KINDS = {
    "our own": ("bracketed", f"{LINE}\n"),
    "our own, entities late": ("bracketed", "雨停了。\n风大。\n第三行也没有。\n" + LINE),
    "our own, with a section": ("bracketed", "# domain: 文化\n雨停了。\n"),
    "our own, beginning with a bracket": ("bracketed", "[陈默](PER)说。\n"),
    "nothing": ("bracketed", "\n\n"),
    "columns": ("conll", CONLL),
    "columns after a comment": ("conll", "# 陈默编\n\n" + CONLL),
    "columns under a document mark": ("conll", "-DOCSTART- O\n\n" + CONLL),
    "a broken row among good ones": ("conll", "陈\n" + CONLL),
    "brackets as tokens": ("conll", "[ O\n陈 B-PER\n] O\n"),
    "ours": ("jsonl", jsonl([SENTENCE])),
    "a list, indented": ("jsonl", f"[\n  {jsonl([SENTENCE])}]\n"),
    "a list in one line": ("jsonl", f"[{jsonl([SENTENCE]).strip()}]"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["train.txt", "train"])
def test_format_of_a_file_is_in_its_lines_not_in_its_name(tmp_path, kind, name):
    expected, text = KINDS[kind]
    assert format_of(write(tmp_path / name, text)) == expected
    (tmp_path / "train.gz").write_bytes(gzip.compress(text.encode()))
    assert format_of(tmp_path / "train.gz") == expected


@pytest.mark.parametrize(
    "text",
    [
        "陈 PER\n默 PER\n说 O-\n",
        "陈,B-PER\n默,I-PER\n",
        "陈|B-PER\n默|I-PER\n",
        "陈B-PER\n默I-PER\n",
        "陈 b-per\n默 i-per\n",
        "陈 人名\n默 人名\n",
        "陈默在北京说。\n雨停了。\n",
        "text,label\n陈默,PER\n",
        "version 1\n",
    ],
)
def test_case_01_broken_columns_are_never_read_as_plain_text(tmp_path, text):
    path = write(tmp_path / "train.txt", text)
    first = re.escape(text.splitlines()[0])
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:1: neither '{first}' nor any other line is a row"):
        read_file(path)


def test_two_formats_in_one_file_are_refused_at_the_line(tmp_path):
    path = write(tmp_path / "train.txt", f"{LINE}\n{LINE}\n陈 B-PER\n")
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:3: '陈 B-PER' is a row of columns"):
        read_file(path)


def test_a_format_can_be_forced(tmp_path):
    path = write(tmp_path / "train.txt", "雨停了。\n")
    assert [sentence.text for sentence in read_file(path, "bracketed")] == ["雨停了。"]
    for name in set(FORMATS) - {"bracketed"}:
        with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:1: "):
            read_file(path, name)
    with pytest.raises(CorpusError, match="unknown format 'xml'; known are bracketed, conll, jsonl"):
        read_file(path, "xml")
    assert read_file(write(path, CONLL), "conll") == CONLL_SENTENCES
