"""The gate of the shipped corpus and article, and that the gate catches what it is for."""

from collections import Counter
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from scipy.sparse import csr_array

from utils.files import DATA
from utils.text.corpus import UNLABELLED, load_corpus, load_unlabelled
from utils.text.entities import TRAPS, Corpus, Span, annotate
from utils.text.formats.bracketed import read_bracketed

TYPES = ["LOC", "ORG", "PER"]
AT_LEAST = {"train": 1500, "dev": 150, "test": 1000}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus()


def grams(text: str) -> set[str]:
    """Distinct character 4-grams; a shorter text is its own only gram."""
    return {text[i : i + 4] for i in range(max(len(text) - 3, 1))}


def near_duplicates(texts: list[str], limit: float = 0.5) -> list[tuple[str, str, float]]:
    """Pairs whose character 4-gram Jaccard similarity reaches `limit`: every pair is compared.

    The product of the (text, gram) incidence matrix with its transpose counts shared grams.
    """
    sets = [grams(text) for text in texts]
    columns = {gram: number for number, gram in enumerate(set(chain.from_iterable(sets)))}
    indices = [columns[gram] for each in sets for gram in each]
    sizes = np.array([len(each) for each in sets])
    starts = np.concatenate([[0], sizes.cumsum()])
    incidence = csr_array((np.ones(len(indices), np.int32), indices, starts))
    shared = (incidence @ incidence.T).tocoo()
    similarity = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    hits = (shared.row < shared.col) & (similarity >= limit)
    rows, cols = shared.row[hits], shared.col[hits]
    return [(texts[a], texts[b], s) for a, b, s in zip(rows, cols, similarity[hits], strict=True)]


def shares(values: list[str]) -> dict[str, float]:
    return {value: count / len(values) for value, count in Counter(values).items()}


def faults(corpus: Corpus) -> set[str]:
    """Names of the rules that a corpus breaks."""
    everything = list(chain(*corpus))
    named = [{e.text for s in split for e in s.entities} for split in corpus]
    types = [shares([e.type for s in split for e in s.entities]) for split in corpus]
    domains = [shares([s.domain for s in split]) for split in corpus]
    traps = shares([s.trap for s in everything])
    split_texts = [{s.text for s in split} for split in corpus]
    checks = {
        "size": all(len(split) >= AT_LEAST[name] for name, split in corpus._asdict().items()),
        "types": all(sorted(each) == TYPES and min(each.values()) >= 0.15 for each in types),
        "domains": all(len(each) == 12 and min(each.values()) >= 0.05 for each in domains)
        and len(set(chain(*domains))) == 12,
        "traps": traps["none"] <= 0.75 and set(traps) == set(TRAPS),
        "no-entity": all((s.trap == "no-entity") <= (not s.entities) for s in everything),
        "disjoint": len(set.union(*split_texts)) == sum(map(len, split_texts)),
        "repeats": not near_duplicates([s.text for s in everything]),
        "unseen": len(named[2] - named[0]) >= len(named[2]) / 2,
        "white space": all(s.text == s.text.strip() and s.text for s in everything),
    }
    return {rule for rule, holds in checks.items() if not holds}


def test_corpus_passes_the_gate(corpus):
    assert near_duplicates([s.text for s in chain(*corpus)]) == []
    assert faults(corpus) == set()


def test_surname_title_entities_leave_the_title_outside(corpus):
    """Guideline 4: a family name before its title is one or two characters."""
    titled = [s for s in chain(*corpus) if s.trap == "surname-title"]
    assert all(any(e.type == "PER" and len(e.text) <= 2 for e in s.entities) for s in titled)


def with_text(sentence, text):
    return annotate(text, [], sentence.domain, sentence.trap)


BROKEN = {
    "size": lambda c: c._replace(dev=c.dev[: AT_LEAST["dev"] - 1]),
    "types": lambda c: c._replace(test=[s for s in c.test if all(e.type != "ORG" for e in s.entities)]),
    "domains": lambda c: c._replace(test=[s for s in c.test if s.domain != c.test[0].domain]),
    "traps": lambda c: Corpus(*([replace(s, trap="none") for s in split] for split in c)),
    "no-entity": lambda c: c._replace(dev=[*c.dev, annotate("陈默说。", [Span(0, 2, "PER")], "文化", "no-entity")]),
    "disjoint": lambda c: c._replace(dev=[*c.dev, c.train[0]]),
    "repeats": lambda c: c._replace(test=[*c.test, with_text(c.train[0], c.train[0].text[1:])]),
    "unseen": lambda c: c._replace(train=c.train + c.test),
    "white space": lambda c: c._replace(train=[*c.train, with_text(c.train[0], "雨停了。 ")]),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_gate_catches(corpus, rule):
    assert rule in faults(BROKEN[rule](corpus))


def test_near_duplicates_agree_with_the_definition():
    texts = ["甲乙丙丁戊", "甲乙丙丁", "乙丙丁戊己", "甲乙", "甲乙", "子丑寅卯辰巳", "子丑寅卯辰巳午未", "雨"]
    expected = [
        (a, b, len(grams(a) & grams(b)) / len(grams(a) | grams(b))) for i, a in enumerate(texts) for b in texts[i + 1 :]
    ]
    assert sorted(near_duplicates(texts, 0.3)) == sorted(pair for pair in expected if pair[2] >= 0.3)


def test_article():
    (article,) = read_bracketed(DATA / "article.txt")
    assert 495 <= len(article.text) <= 505
    assert len(article.entities) >= 20
    assert sorted({e.type for e in article.entities}) == TYPES


def test_article_is_not_in_the_corpus(corpus):
    (article,) = read_bracketed(DATA / "article.txt")
    clauses = [clause for clause in article.text.split("。") if len(clause) > 8]
    assert not near_duplicates([*clauses, *(s.text for s in chain(*corpus))])


def test_texts_without_labels_are_as_many_and_as_different_as_promised(corpus):
    texts = load_unlabelled()
    assert texts == (DATA / "corpus" / UNLABELLED).read_text("utf-8").splitlines()
    assert len(texts) >= 3500 and all(8 <= len(text) <= 126 for text in texts)
    assert not [text for text in texts if set(text) & set("[]\\#") or text != text.strip()]
    assert not near_duplicates([*texts, *(s.text for s in chain(*corpus))])
