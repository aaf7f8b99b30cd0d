"""A corpus from a directory: mixed formats, what is absent, real corpora by their published counts."""

import gzip
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_corpora import CONLL, CONLL_SENTENCES, LINE, SENTENCE, jsonl, write

from utils.text.corpus import UNLABELLED, evenly_spaced, load_corpus, load_unlabelled, read_file
from utils.text.entities import CorpusError


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


def test_a_mistyped_path_is_no_hub_id_and_a_file_no_corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    with pytest.raises(CorpusError, match="data/corpsu: no such corpus directory"):
        load_corpus("data/corpsu")
    write(tmp_path / "data" / "train.txt", LINE)
    with pytest.raises(CorpusError, match="train.txt: a file; a corpus is a directory with the splits train, dev"):
        load_corpus("data/train.txt")


@pytest.mark.parametrize("ending", [".txt", ".conll", ".bio", ".bmes", ".tsv", ".jsonl", ".json"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_split_is_found_by_its_name_and_read_by_what_is_in_it(tmp_path, ending, packed):
    for split in ("train", "dev", "test"):
        body = (CONLL if "json" not in ending else jsonl(CONLL_SENTENCES)).encode()
        path = tmp_path / f"{split}{ending}{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(body) if packed else body)
    assert load_corpus(tmp_path) == (CONLL_SENTENCES,) * 3
    write(tmp_path / "dev.txt" if ending != ".txt" else tmp_path / "dev.bio", CONLL)
    with pytest.raises(CorpusError, match="which is the dev split, dev.* or dev"):
        load_corpus(tmp_path)


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


def test_texts_without_labels_lie_beside_the_splits_or_nowhere(tmp_path):
    for split in ("train", "dev", "test"):
        write(tmp_path / f"{split}.txt", f"{LINE}\n")
    assert load_unlabelled(tmp_path) == load_unlabelled("owner/name") == []
    write(tmp_path / UNLABELLED, "雨停了。河水退了！\n\n新桥通车\n")
    assert load_unlabelled(tmp_path) == ["雨停了。", "河水退了！", "新桥通车"]
    assert load_corpus(tmp_path).train == [SENTENCE]
    write(tmp_path / UNLABELLED, "\n")
    with pytest.raises(CorpusError, match="holds no text"):
        load_unlabelled(tmp_path)
