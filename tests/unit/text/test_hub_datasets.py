"""Data sets of the Hub: tags by name, offsets, splits, and what is said where one does not fit."""

import datasets
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from small_corpora import CONLL_SENTENCES

from utils.text.corpus import load_corpus
from utils.text.entities import CorpusError, Span, annotate
from utils.text.hub_datasets import from_dataset, load_hub_corpus


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
