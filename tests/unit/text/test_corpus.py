"""Loaders: every format, every malformed line named, real corpora by their published counts."""

import gzip
import json
import re
from collections import Counter

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from hypothesis import given
from hypothesis import strategies as st

from utils.text.corpus import evenly_spaced, load_corpus, read_file
from utils.text.entities import CorpusError, Span, annotate
from utils.text.formats.bracketed import parse_bracketed, read_bracketed
from utils.text.formats.conll import read_conll
from utils.text.formats.jsonl import read_jsonl
from utils.text.hub_datasets import from_dataset

LINE = "[国家图书馆](ORG)馆长[陈默](PER)昨日在[北京](LOC)说，新馆明年开放。"
SENTENCE = annotate(
    "国家图书馆馆长陈默昨日在北京说，新馆明年开放。", [Span(0, 5, "ORG"), Span(7, 9, "PER"), Span(12, 14, "LOC")]
)
CONLL = "陈 B-PER\n默 I-PER\n说 O\n\n去 O\n京 B-LOC\n沪 B-LOC\n"
CONLL_SENTENCES = [annotate("陈默说", [Span(0, 2, "PER")]), annotate("去京沪", [Span(1, 2, "LOC"), Span(2, 3, "LOC")])]


def write(path, text):
    path.write_text(text, "utf-8")
    return path


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


@pytest.mark.parametrize("separator", [" ", "\t", "  "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_conll(tmp_path, separator, end):
    path = tmp_path / "train.txt"
    path.write_bytes(CONLL.replace(" ", separator).replace("\n", end).encode())
    assert read_conll(path) == CONLL_SENTENCES == read_file(path)


def test_conll_in_bioes_gzip_and_with_a_byte_order_mark(tmp_path):
    bioes = CONLL.replace("I-PER", "E-PER").replace("B-LOC", "S-LOC")
    path = tmp_path / "train.txt.gz"
    path.write_bytes(gzip.compress(bioes.encode("utf-8-sig")))
    assert read_file(path) == CONLL_SENTENCES


@pytest.mark.parametrize("line", ["说", "说 O O", "说话 O", "说 X-PER", "说 B-", "说 PER", " O"])
def test_malformed_conll_line_is_named(tmp_path, line):
    path = write(tmp_path / "train.txt", f"陈 B-PER\n默 I-PER\n{line}\n")
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:3: expected one character"):
        read_file(path)


def jsonl(sentences):
    rows = ({"text": s.text, "entities": [span._asdict() for span in s.spans]} for s in sentences)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_jsonl(tmp_path, suffix):
    path, body = tmp_path / f"dev.jsonl{suffix}", jsonl([SENTENCE, annotate("😀", [])]).encode()
    path.write_bytes(gzip.compress(body) if suffix else body)
    assert read_file(path) == [SENTENCE, annotate("😀", [])]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '"text"',
        '{"text": "陈默"}',
        '{"entities": []}',
        '{"text": "陈默", "entities": [{"start": 0, "end": 3, "type": "PER"}]}',
        '{"text": "陈默", "entities": [{"start": 0, "end": 2}]}',
        '{"text": "陈默", "entities": [{"start": "0", "end": 2, "type": "PER"}]}',
        '{"text": "陈默", "entities": [{"start": 0, "end": 2, "type": "PER"}, {"start": 1, "end": 2, "type": "LOC"}]}',
        '{"text": null, "entities": []}',
    ],
)
def test_malformed_json_line_is_named(tmp_path, line):
    path = write(tmp_path / "dev.jsonl", f'{{"text": "好", "entities": []}}\n{line}\n')
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:2: "):
        read_jsonl(path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x1f\x8b\x08\x00truncated"])
def test_unreadable_file_is_named(tmp_path, content):
    path = tmp_path / ("train.txt.gz" if content.startswith(b"\x1f") else "train.txt")
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}: cannot be read"):
        read_file(path)


def test_directory_of_mixed_formats(tmp_path):
    write(tmp_path / "train.txt", LINE)
    write(tmp_path / "dev.jsonl", jsonl([SENTENCE]))
    (tmp_path / "test.txt.gz").write_bytes(gzip.compress(CONLL.encode()))
    corpus = load_corpus(tmp_path)
    assert corpus == ([SENTENCE], [SENTENCE], CONLL_SENTENCES)
    assert corpus.types == ["LOC", "ORG", "PER"]


def test_directory_without_a_split_or_with_an_empty_one(tmp_path):
    write(tmp_path / "train.txt", LINE)
    with pytest.raises(CorpusError, match=r"no dev\.txt"):
        load_corpus(tmp_path)
    write(tmp_path / "dev.txt", "# domain: 文化\n")
    with pytest.raises(CorpusError, match=r"dev\.txt: holds no sentence"):
        load_corpus(tmp_path)


@pytest.mark.parametrize("source", ["nowhere", "/no/such/directory", "a/b/c"])
def test_unknown_source(source):
    with pytest.raises(CorpusError, match=f"{source}: no such corpus directory"):
        load_corpus(source)


@pytest.mark.parametrize("source", ["cluener", "owner/name"])
def test_hub_corpus_offline_says_what_to_do(source):
    with pytest.raises(CorpusError, match="pass a directory with train.txt, dev.txt, test.txt; .*HF_ENDPOINT"):
        load_corpus(source)


def tagged(rows, names):
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))})
    return Dataset.from_list([{"tokens": list(t), "ner_tags": tags} for t, tags in rows], features=features)


@pytest.mark.parametrize("names", [["O", "B-PER", "I-PER", "B-LOC"], ["B-LOC", "I-PER", "O", "B-PER"]])
def test_data_set_tags_are_mapped_by_feature_name(names):
    rows = [("陈默说", ["B-PER", "I-PER", "O"]), ("去京沪", ["O", "B-LOC", "B-LOC"])]
    split = tagged([(text, [names.index(tag) for tag in tags]) for text, tags in rows], names)
    assert from_dataset(split) == CONLL_SENTENCES


def test_data_set_of_tag_strings_and_longer_tokens():
    split = Dataset.from_list([{"tokens": ["陈默", "在", "2024年"], "ner_tags": ["B-PER", "O", "B-TIME"]}])
    assert from_dataset(split) == [annotate("陈默在2024年", [Span(0, 2, "PER"), Span(3, 8, "TIME")])]


def test_data_set_of_offsets():
    rows = [{"text": "陈默说", "entities": [{"start_offset": 0, "end_offset": 2, "label": "name"}]}]
    assert from_dataset(Dataset.from_list(rows)) == [annotate("陈默说", [Span(0, 2, "name")])]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"sentence": "陈默"}, "columns"),
        ({"tokens": ["陈", "默"], "ner_tags": ["O"]}, "row 0: ValueError 2 tokens, 1 tags"),
        ({"text": "陈默", "entities": [{"start_offset": 0, "end_offset": 9, "label": "name"}]}, "row 0: ValueError"),
        ({"text": "陈默", "entities": [{"start": 0, "end": 2, "label": "name"}]}, "row 0: KeyError"),
    ],
)
def test_data_set_that_is_not_understood(row, reason):
    with pytest.raises(CorpusError, match=reason):
        from_dataset(Dataset.from_list([row]))


COUNTS = {
    "msra/dev.txt": (2318, 109870, {"LOC": 1951, "ORG": 984, "PER": 884}),
    "msra/test.txt": (4365, 172601, {"LOC": 2877, "PER": 1973, "ORG": 1331}),
    "msra/train.txt.gz": (27752, 1320550, {"LOC": 22626, "ORG": 12888, "PER": 10949}),
    "weibo/test.txt": (
        270,
        14834,
        {
            "PER.NOM": 172,
            "PER.NAM": 113,
            "GPE.NAM": 47,
            "ORG.NAM": 39,
            "LOC.NAM": 19,
            "ORG.NOM": 17,
            "LOC.NOM": 9,
            "GPE.NOM": 2,
        },
    ),
    "resume/dev.txt": (
        463,
        13890,
        {"TITLE": 690, "ORG": 523, "NAME": 110, "EDU": 106, "CONT": 33, "PRO": 18, "RACE": 15, "LOC": 2},
    ),
}
"""Sentences, characters and entities by type, as the corpora's own notes count them."""


@pytest.mark.parametrize("name", COUNTS)
def test_real_corpus_counts(corpora, name):
    sentences = read_file(corpora / name)
    types = Counter(e.type for s in sentences for e in s.entities)
    assert (len(sentences), sum(len(s.text) for s in sentences), dict(types)) == COUNTS[name]


def test_real_corpus_directory(corpora):
    assert [len(split) for split in load_corpus(corpora / "weibo")] == [1350, 270, 270]


@given(st.integers(1, 50), st.integers(1, 60))
def test_spread_takes_so_many_from_start_to_end(length, count):
    taken = evenly_spaced(range(length), count)
    assert len(taken) == min(count, length) and taken[:1] == list(range(length))[:1]
    gaps = [after - before for before, after in zip(taken, [*taken[1:], length], strict=True)]
    assert min(gaps) >= 1 and max(gaps) - min(gaps) <= 1
