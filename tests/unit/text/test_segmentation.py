"""Sentences of a text read apart: the same entities at the same places; batches that pad little."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import random_raner, tiny_tokenizer

from utils.model.torch_tagger import torch_tagger
from utils.tagger.batching import BATCH_COST, cheapest_batches
from utils.tagger.tagger import by_sentence
from utils.text.segmentation import sentence_ranges

TEXTS = st.text("天地玄黄宇宙洪荒abc。！？”\n😀", max_size=60)


@pytest.fixture(scope="module")
def tagger():
    return torch_tagger(random_raner(1), tiny_tokenizer())


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(TEXTS, max_size=3))
def test_sentences_answer_as_if_each_were_a_text(tagger, texts):
    expected = [
        [
            (entity.start + start, entity.end + start, entity.type)
            for start, end in sentence_ranges(text)
            for entity in tagger.predict([text[start:end]])[0]
        ]
        for text in texts
    ]
    found = by_sentence(tagger).predict(texts)
    assert [[tuple(e.span) for e in entities] for entities in found] == expected
    for text, entities in zip(texts, found, strict=True):
        assert all(text[e.start : e.end] == e.text for e in entities)


def test_the_original_tagger_still_reads_texts_whole(tagger):
    widths = []

    def backend(ids, mask):
        widths.append(ids.shape)
        return np.zeros((*ids.shape, len(tagger.labels)), np.float32)

    watched = dataclasses.replace(tagger, backend=backend)
    apart = by_sentence(watched)
    watched.predict(["天地。玄黄。"])
    apart.predict(["天地。玄黄。"])
    assert widths == [(1, 8), (2, 5)]


def test_a_sentence_over_the_limit_is_cut_further(tagger):
    tight = by_sentence(dataclasses.replace(tagger, limit=4))
    spans = [e.span for e in tight.predict(["天地玄黄宇宙洪荒。天地"])[0]]
    pieces = [(0, 4), (4, 8), (8, 9), (9, 11)]
    text = "天地玄黄宇宙洪荒。天地"
    expected = [
        (e.start + start, e.end + start, e.type) for start, end in pieces for e in tagger.predict([text[start:end]])[0]
    ]
    assert [tuple(span) for span in spans] == expected


def cost(lengths, ranges):
    return sum((end - start) * (max(lengths[start:end]) + 2) + BATCH_COST for start, end in ranges)


def all_cuts(count, most):
    for inner in itertools.product([False, True], repeat=count - 1):
        borders = [0, *(i + 1 for i, cut in enumerate(inner) if cut), count]
        ranges = list(itertools.pairwise(borders))
        if all(end - start <= most for start, end in ranges):
            yield ranges


@given(lengths=st.lists(st.integers(0, 200), min_size=1, max_size=9), most=st.integers(1, 9))
def test_no_other_cut_is_cheaper(lengths, most):
    lengths = sorted(lengths)
    ranges = cheapest_batches(lengths, most)
    assert ranges in all_cuts(len(lengths), most)
    assert cost(lengths, ranges) == min(cost(lengths, other) for other in all_cuts(len(lengths), most))


def test_nothing_makes_no_batch():
    assert cheapest_batches([], 4) == []
