"""What is remembered changes no answer, only the work; and it never grows beyond its bound."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_tagger import KnownTagger
from tiny_models import random_raner, tiny_tokenizer

from utils.model.torch_tagger import torch_tagger
from utils.serving.incremental import ENTRY, Analysis, SentenceCache
from utils.tagger.tagger import by_sentence

PIECES = st.sampled_from(["天", "地玄", "黄。", "宇宙！", "洪荒\r\n", "\n", "👩‍👩‍👧", "é。", "”", "𠮷日", "；月"])
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@st.composite
def edits(draw):
    """A text as it is typed: each state replaces a range of the one before."""
    states = [draw(TEXTS)]
    for _ in range(draw(st.integers(1, 5))):
        before = states[-1]
        start = draw(st.integers(0, len(before)))
        end = draw(st.integers(start, len(before)))
        states.append(before[:start] + draw(TEXTS) + before[end:])
    return states


def analyse(tagger, text, cache, model="m"):
    analysis = Analysis(text, model, cache)
    return analysis.computed(tagger), analysis


@pytest.fixture(scope="module")
def tagger():
    return torch_tagger(random_raner(), tiny_tokenizer())


@given(states=edits(), capacity=st.sampled_from([0, 2 * ENTRY + 8, 10**6]))
@settings(deadline=None, max_examples=40)
def test_an_edited_text_has_the_answer_of_the_full_analysis(tagger, states, capacity):
    """A real model whose answers depend on every character of a sentence; confidences included, exactly."""
    cache, full = SentenceCache(capacity), by_sentence(tagger)
    for text in states:
        found, _ = analyse(tagger, text, cache)
        assert found == full.predict([text], batch_size=1)[0]
        assert [text[e.start : e.end] for e in found] == [e.text for e in found]
        assert cache.characters <= capacity


def test_an_edit_costs_the_sentence_that_it_touches():
    tagger, cache = KnownTagger(), SentenceCache()
    analyse(tagger, "陈默说。北京好。北京好。", cache)
    assert tagger.seen == ["陈默说。", "北京好。"]
    _, analysis = analyse(tagger, "陈默说。北京很好。北京好。", cache)
    assert tagger.seen[2:] == analysis.missing == ["北京很好。"] and len(analysis.sentences) == 3


def test_a_model_does_not_see_what_another_one_answered():
    cache = SentenceCache()
    first, second = KnownTagger(), KnownTagger()
    analyse(first, "陈默。", cache, "first")
    analyse(second, "陈默。", cache, "second")
    assert second.seen == ["陈默。"] and len(cache) == 2


def test_what_is_remembered_is_counted_by_the_character():
    cache = SentenceCache()
    cache.remember("m", {"天" * length: [] for length in (1, ENTRY, ENTRY + 5)})
    cache.remember("m", {"天": []})
    assert cache.characters == 1 + ENTRY + ENTRY + 5 + 3 * ENTRY


def test_what_was_not_asked_for_longest_is_forgotten_first():
    tagger, cache = KnownTagger(), SentenceCache(2 * (ENTRY + 2))
    for text in ("甲。", "乙。", "甲。", "丙。", "甲。", "乙。"):
        analyse(tagger, text, cache)
    assert tagger.seen == ["甲。", "乙。", "丙。", "乙。"] and len(cache) == 2
