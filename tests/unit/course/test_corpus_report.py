"""The command `corpus`: what it counts is what is in the files, and what looks wrong is said with its place."""

import re

import datasets
import pytest
from datasets import Dataset
from small_corpora import CONLL, LINE, SENTENCE, jsonl, write

from utils.course import cli
from utils.course.corpus_report import read_parts, report
from utils.text.corpus import DEFAULT_CORPUS, load_corpus
from utils.text.entities import CorpusError, Span, annotate
from utils.text.formats.bracketed import parse_bracketed

BMES = "陈 B-人名\n小 M-人名\n默 E-人名\n在 O\n京 S-地名\n\n好 O\n"


@pytest.fixture
def corpus(tmp_path):
    write(tmp_path / "train.txt", BMES)
    write(tmp_path / "dev.json", jsonl([SENTENCE]))
    write(tmp_path / "test.txt", f"# domain: 文化\n{LINE}\n雨停了。\n")
    return tmp_path


def table(text, first):
    """The rows of the printed table whose header begins so, by their first cell."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if re.match(rf"{first}\s", line))
    rows = (line.split() for line in lines[start + 2 : lines.index("", start)])
    return {name: cells for name, *cells in rows}


def test_counts_formats_and_schemes_of_each_split(corpus, capsys):
    assert cli.main(["corpus", str(corpus)]) == 0
    said = capsys.readouterr().out
    assert table(said, "split") == {
        "train": ["conll", "BMES", "2", "1", "2", "6", "3", "5"],
        "dev": ["jsonl", "–", "1", "1", "3", "23", "23", "23"],
        "test": ["bracketed", "–", "2", "1", "3", "27", "13.5", "23"],
    }
    assert table(said, "type") == {
        "LOC": ["0", "1", "1", "2", "2"],
        "ORG": ["0", "1", "1", "5", "5"],
        "PER": ["0", "1", "1", "2", "2"],
        "人名": ["1", "0", "0", "3", "3"],
        "地名": ["1", "0", "0", "1", "1"],
    }
    assert "  [陈小默](人名)在[京](地名)\n" in said
    assert "dev: LOC, ORG, PER not in train" in said and "dev and test: 1 texts stand in both" in said
    assert "RaNER has no tag for 人名, 地名" in said


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("B-PER I-PER O B-PER", "BIO"),
        ("I-PER I-PER O I-PER B-PER", "IOB1"),
        ("B-PER E-PER O S-PER", "BIOES"),
        ("B-PER L-PER O U-PER", "BILOU"),
        ("B-PER I-PER O S-PER", "BIOS"),
    ],
)
def test_the_scheme_is_that_of_the_whole_file(tmp_path, tags, scheme):
    path = write(tmp_path / "train.txt", "".join(f"字 {tag}\n" for tag in tags.split()))
    (part,) = read_parts(str(path))
    assert (part.name, part.format, part.tags, part.forbidden) == ("train.txt", "conll", scheme, [])


def test_tags_that_the_scheme_forbids_are_named_with_their_lines(tmp_path):
    path = write(tmp_path / "train.txt", "国 B-ORG\n馆 I-ORG\n在 O\n北 I-LOC\n京 E-LOC\n\n默 I-PER\n")
    (part,) = read_parts(str(path))
    assert part.forbidden == [
        f"{path}:3: BIOES has no I-ORG before O",
        f"{path}:4: BIOES has no O before I-LOC",
        f"{path}:7: BIOES has no O before I-PER",
        f"{path}:7: BIOES has no I-PER before O",
    ]
    assert any("4 such places" in line and part.forbidden[0] in line for line in report(str(path)))


def said_of(tmp_path, *sentences):
    path = write(tmp_path / "train.jsonl", jsonl(sentences))
    return "\n".join(report(str(path)))


CHEN = annotate("陈默说", [Span(0, 2, "PER")])


@pytest.mark.parametrize(
    ("sentences", "warning"),
    [
        ([annotate("雨停了", [])], "no entity at all"),
        ([CHEN, annotate("", [])], "1 sentences without text"),
        ([CHEN, CHEN, CHEN], "2 sentences that repeat another"),
        ([CHEN, annotate("陈默说", [Span(0, 1, "PER")])], "1 texts with two annotations that differ"),
        ([annotate("陈" * 511, [Span(0, 2, "PER")])], "1 texts of more than 510 characters"),
        ([annotate("陈\ufffd说", [Span(0, 2, "PER")])], "1 texts with U+FFFD"),
        ([annotate("陈 说", [Span(0, 2, "PER")])], "1 entities that begin or end with a blank, such as '陈 '"),
    ],
)
def test_what_looks_wrong_is_said_and_only_that(tmp_path, sentences, warning):
    said = said_of(tmp_path, *sentences)
    assert f"  train.jsonl: {warning}" in said
    assert warning.startswith(("1 texts with two", "2 sent")) or said.count("train.jsonl: ") == 1
    assert warning not in said_of(tmp_path, CHEN) and "Nothing looks wrong" in said_of(tmp_path, CHEN)


def test_examples_are_five_sentences_of_the_corpus(capsys):
    assert cli.main(["corpus", str(DEFAULT_CORPUS / "train.txt")]) == 0
    lines = capsys.readouterr().out.split("Examples from train.txt:\n")[1].split("\n\n")[0].splitlines()
    texts = {sentence.text: sentence for sentence in load_corpus().train}
    assert len(lines) == 5
    for line in lines:
        shown = parse_bracketed(line.strip().removesuffix("…"))
        (whole,) = (sentence for text, sentence in texts.items() if text.startswith(shown.text))
        assert shown.entities and shown.spans <= whole.spans


def test_a_long_example_is_cut_behind_a_name_on_one_line(tmp_path):
    text = "甲" * 58 + "陈小默" + "\n" + "乙" * 30
    said = said_of(tmp_path, annotate(text, [Span(58, 61, "PER"), Span(70, 72, "LOC")]))
    assert f"  {'甲' * 58}[陈小默](PER)…\n" in said


def test_a_format_is_forced_or_refused(tmp_path, capsys):
    path = write(tmp_path / "train.txt", "雨停了。\n")
    assert cli.main(["corpus", str(path)]) == 2
    assert re.fullmatch(rf"course: {re.escape(str(path))}:1: neither .*\n", capsys.readouterr().err)
    assert cli.main(["corpus", str(path), "--format", "bracketed"]) == 0
    assert table(capsys.readouterr().out, "split")["train.txt"][:3] == ["bracketed", "–", "1"]
    assert cli.main(["corpus", str(path), "--format", "conll"]) == 2
    assert re.fullmatch(rf"course: {re.escape(str(path))}:1: expected one .*\n", capsys.readouterr().err)
    with pytest.raises(SystemExit):
        cli.main(["corpus", str(path), "--format", "xml"])


def test_what_is_no_corpus_ends_with_two_and_one_line(tmp_path, capsys):
    write(tmp_path / "train.txt", CONLL)
    for source in ("nowhere", str(tmp_path), str(write(tmp_path / "empty.txt", "\n"))):
        assert cli.main(["corpus", source]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_data_set_of_the_hub(monkeypatch, capsys):
    rows = [{"tokens": list("去京"), "ner_tags": ["O", "B-LOC"]}, {"tokens": list("好人"), "ner_tags": ["O", "O"]}]
    made = {name: Dataset.from_list(rows) for name in ("train", "validation", "test")}
    monkeypatch.setattr(datasets, "load_dataset", lambda repository, revision: made)
    assert cli.main(["corpus", "owner/name"]) == 0
    assert table(capsys.readouterr().out.replace("data set", "data_set"), "split")["dev"][:4] == [
        "data_set",
        "–",
        "2",
        "1",
    ]
    with pytest.raises(CorpusError, match="owner/name: a data set of the Hub"):
        list(report("owner/name", "conll"))


@pytest.mark.parametrize(("name", "scheme", "counts"), [("weibo", "BIO", ["1350", "738", "1895"])])
def test_a_real_corpus(corpora, name, scheme, counts):
    said = "\n".join(report(str(corpora / name)))
    assert table(said, "split")["train"][:5] == ["conll", scheme, *counts]
    assert table(said, "type")["PER.NAM"][:3] == ["578", "90", "113"]
