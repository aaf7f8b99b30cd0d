"""Data sets of the Hub: tags by name, offsets, splits, and what is said where one does not fit."""

import os
import subprocess
import sys

import datasets
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from small_corpora import CONLL_SENTENCES

from utils.files import ROOT
from utils.text.corpus import load_corpus
from utils.text.entities import CorpusError, Span, annotate
from utils.text.hub_datasets import from_dataset, load_hub_corpus


@pytest.mark.parametrize("source", ["cluener", "owner/name"])
def test_hub_corpus_offline_says_what_to_do(source):
    with pytest.raises(CorpusError, match="pass a directory with train.txt, dev.txt, test.txt; .*HF_ENDPOINT"):
        load_corpus(source)


def test_case_24_a_mistyped_path_is_asked_for_once(tmp_path):
    """In a process of its own, since `huggingface_hub` reads its settings once, at import; nobody listens at port 1."""
    settings = {"HF_ENDPOINT": "http://127.0.0.1:1", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0", "no_proxy": "*"}
    command = [sys.executable, "-c", "from utils.text.corpus import load_corpus; load_corpus('my/corpsu')"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    assert "CorpusError: my/corpsu: no such directory here, and not loaded from the Hub" in done.stderr
    assert "Retry" not in done.stderr


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
    rows = [
        {"text": "陈默说", "entities": [{"start_offset": 0, "end_offset": 2, "label": "name"}]},
        {"text": "好", "entities": []},
    ]
    assert from_dataset(Dataset.from_list(rows)) == [annotate("陈默说", [Span(0, 2, "name")]), annotate("好", [])]


SCHEMES = {
    "BMES": (["B-ORG", "M-ORG", "E-ORG", "O", "S-LOC"], [(0, 3, "ORG"), (4, 5, "LOC")]),
    "BILOU": (["B-ORG", "I-ORG", "L-ORG", "O", "U-LOC"], [(0, 3, "ORG"), (4, 5, "LOC")]),
    "IOB1": (["I-ORG", "B-ORG", "I-ORG", "O", "I-LOC"], [(0, 1, "ORG"), (1, 3, "ORG"), (4, 5, "LOC")]),
    "forbidden": (["B-ORG", "I-ORG", "O", "I-LOC", "E-LOC"], [(0, 2, "ORG"), (3, 5, "LOC")]),
}


def check_scheme(scheme):
    tags, spans = SCHEMES[scheme]
    names = sorted({*tags, "O"})
    by_number = tagged([("国图馆在京", [names.index(tag) for tag in tags])], names)
    by_name = Dataset.from_list([{"tokens": list("国图馆在京"), "ner_tags": tags}])
    assert from_dataset(by_number) == from_dataset(by_name) == [annotate("国图馆在京", [Span(*span) for span in spans])]


def test_case_03_a_data_set_in_bmes():
    check_scheme("BMES")


def test_case_10_a_data_set_in_bilou():
    check_scheme("BILOU")


@pytest.mark.parametrize("scheme", ["IOB1", "forbidden"])
def test_data_sets_of_other_schemes_are_read_as_by_seqeval(scheme):
    check_scheme(scheme)


@pytest.mark.parametrize("tag", [-1, -100])
def test_a_number_without_a_name_is_refused(tag):
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER"]))})
    split = Dataset.from_list([{"tokens": ["陈"], "ner_tags": [tag]}]).cast(features)
    with pytest.raises(CorpusError, match=rf"row 0: tag {tag} is not a number from 0 to 1"):
        from_dataset(split)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"sentence": "陈默"}, "columns"),
        ({"tokens": ["陈", "默"], "ner_tags": ["O"]}, "row 0: 2 tokens, 1 tags"),
        ({"tokens": ["陈", "默"], "ner_tags": ["O", "PER"]}, "row 0: 'PER' is neither O nor a tag"),
        ({"tokens": ["陈", "默"], "ner_tags": ["B-PER", None]}, "row 0: tag None is not a string"),
        ({"tokens": ["陈", "默"], "ner_tags": [1, 2]}, "row 0: tag 1 is not a string: the feature has no names"),
        (
            {"tokens": ["陈", "默", "王"], "ner_tags": ["B-PER", "I-PER", "M-PER"]},
            "row 0: the prefixes B, I, M are not",
        ),
        ({"tokens": ["陈", "默"], "ner_tags": None}, "row 0: "),
        ({"text": "陈默", "entities": [{"start_offset": 0, "end_offset": 9, "label": "name"}]}, "row 0: name span 0:9"),
        (
            {"text": "陈默", "entities": [{"start": 0, "end": 2, "label": "name"}]},
            "row 0: entities.0.type: Field",
        ),
    ],
)
def test_data_set_that_is_not_understood(row, reason):
    with pytest.raises(CorpusError, match=reason):
        from_dataset(Dataset.from_list([row]))


def numbered(first, count, annotated=True):
    """Sentences that can be told apart, so that one found in two splits is seen."""
    rows = [{"tokens": [str(first + i), "京"], "ner_tags": ["O", "B-LOC" if annotated else "O"]} for i in range(count)]
    return Dataset.from_list(rows)


def numbers(sentences):
    return [int(sentence.text.removesuffix("京")) for sentence in sentences]


SPLITS = {
    "all three": (
        (range(20), range(30, 34), range(40, 43)),
        {"train": (0, 20), "validation": (30, 4), "test": (40, 3)},
    ),
    "no dev": (
        ([n for n in range(20) if n not in (0, 10)], [0, 10], range(40, 43)),
        {"train": (0, 20), "test": (40, 3)},
    ),
    "a test split without annotation": (
        ([n for n in range(20) if n not in (0, 10)], [0, 10], range(30, 34)),
        {"train": (0, 20), "validation": (30, 4), "test": (40, 3, False)},
    ),
}


@pytest.mark.parametrize("case", SPLITS)
def test_three_disjoint_splits_whatever_the_hub_has(case, monkeypatch):
    expected, splits = SPLITS[case]
    asked = []

    def load_dataset(repository, revision):
        asked.append((repository, revision))
        return {name: numbered(*rows) for name, rows in splits.items()}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    corpus = load_hub_corpus("msra")
    assert [numbers(split) for split in corpus] == [list(split) for split in expected]
    assert all(s.spans == {Span(len(s.text) - 1, len(s.text), "LOC")} for split in corpus for s in split)
    assert corpus.types == ["LOC"] and asked == [("levow/msra_ner", "refs/convert/parquet")]


@pytest.mark.parametrize(
    ("splits", "reason"),
    [({"test": (0, 3)}, "no train split, only test"), ({"train": (0, 9)}, "no annotated test or validation split")],
)
def test_a_data_set_without_what_is_needed_is_named(splits, reason, monkeypatch):
    made = {name: numbered(*rows) for name, rows in splits.items()}
    monkeypatch.setattr(datasets, "load_dataset", lambda repository, revision: made)
    with pytest.raises(CorpusError, match=f"owner/name: has {reason}"):
        load_hub_corpus("owner/name")


def test_a_row_that_does_not_fit_is_named_with_its_data_set_and_split(monkeypatch):
    bad = Dataset.from_list([{"tokens": ["陈"], "ner_tags": ["O"]}, {"tokens": ["默"], "ner_tags": ["X-PER"]}])
    monkeypatch.setattr(
        datasets, "load_dataset", lambda repository, revision: {"train": numbered(0, 20), "validation": bad}
    )
    with pytest.raises(CorpusError, match="owner/name, validation: row 1: 'X-PER' is neither O nor a tag.*'默'"):
        load_hub_corpus("owner/name")
