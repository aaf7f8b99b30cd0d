"""A cascade against its halves: which sentences go on, and that its answer is one of theirs."""

import dataclasses

import numpy as np
import pytest
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.measure.evaluation import evaluate
from utils.model.torch_tagger import torch_tagger
from utils.tagger.cascade import Cascade
from utils.tagger.tagger import by_sentence
from utils.text.entities import annotate

TEXTS = random_texts(30, longest=20, seed=2)


@pytest.fixture(scope="module")
def halves():
    return [by_sentence(torch_tagger(random_raner(seed), tiny_tokenizer())) for seed in (1, 2)]


def spans(answers):
    return [[e.span for e in entities] for entities in answers]


def test_at_the_ends_of_the_threshold_one_half_answers_everything(halves):
    small, large = halves
    assert spans(Cascade(small, large, 0.0).predict(TEXTS)) == spans(small.predict(TEXTS))
    assert spans(Cascade(small, large, 1.1).predict(TEXTS)) == spans(large.predict(TEXTS))
    assert spans(small.predict(TEXTS)) != spans(large.predict(TEXTS))


def test_each_sentence_is_answered_by_the_half_that_it_belongs_to(halves):
    small, large = halves
    sentences = ["天地玄黄，", "宇宙洪荒。", "日月盈昃。", "辰宿列张。", "寒来暑往。"]
    certainty = [found.certainty for found in small.tag(sentences)]
    threshold = float(np.median(certainty))
    expected = [
        (large if sure < threshold else small).predict([text])[0]
        for text, sure in zip(sentences, certainty, strict=True)
    ]
    found = Cascade(small, large, threshold).predict(sentences)
    assert spans(found) == spans(expected)
    assert [e.confidence for text in found for e in text] == pytest.approx(
        [e.confidence for text in expected for e in text], abs=1e-5
    )


def test_a_text_is_split_between_the_halves_and_put_together_again(halves):
    small, large = halves
    sentences = ["天地玄黄。", "宇宙洪荒。", "日月盈昃。"]
    least, *_ = sorted(found.certainty for found in small.tag(sentences))
    cascade = Cascade(small, large, np.nextafter(least, 1))
    apart, (together,) = cascade.predict(sentences), cascade.predict(["".join(sentences)])
    offsets = [offset for offset, found in zip((0, 5, 10), apart, strict=True) for _ in found]
    moved = [(e.start + o, e.end + o, e.type) for e, o in zip(sum(apart, []), offsets, strict=True)]
    assert [tuple(e.span) for e in together] == moved and moved


def test_the_large_half_sees_only_what_goes_on(halves):
    small, large = halves
    seen = []

    def backend(ids, mask):
        seen.append(len(ids))
        return large.backend(ids, mask)

    threshold = sorted(found.certainty for found in small.tag(TEXTS))[7]
    Cascade(small, dataclasses.replace(large, backend=backend), threshold).predict(TEXTS, batch_size=4)
    assert sum(seen) == 7 and max(seen) <= 4


def test_it_is_judged_as_a_tagger_is(halves):
    small, large = halves
    cascade = Cascade(small, dataclasses.replace(large, eight_bits=True), 0.5)
    assert not Cascade(small, large, 0.5).eight_bits and cascade.eight_bits
    judged = evaluate(cascade, [annotate(text, []) for text in TEXTS])
    assert judged.batch_size == 1 and judged.reading == "by sentence"


def test_one_text_is_no_list_of_texts_and_no_texts_are_none(halves):
    with pytest.raises(TypeError):
        Cascade(*halves, 0.5).predict("天地")
    assert Cascade(*halves, 0.5).predict([]) == [] and Cascade(*halves, 0.5).predict([""]) == [[]]
