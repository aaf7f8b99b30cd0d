"""Every ingredient's training differs from the whole one in that ingredient alone, and gets a row."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_models import random_raner, tiny_tokenizer

from utils.studies import fixed_shapes, ingredients, train_from_base
from utils.studies.ingredients import VARIANTS, compare_ingredients
from utils.studies.mixed_batches import Mixture, News
from utils.studies.train_from_base import Material, begin, ways_to_compute
from utils.text.entities import Span, annotate

TEXTS = ["天地玄黄，宇宙洪荒。", "日月盈昃。", "寒来暑往，秋收冬藏。"]
SHORT = Mixture(steps=4, warm_up=1, decay=2, news_until=2)


@pytest.fixture
def material(monkeypatch):
    monkeypatch.setattr(fixed_shapes, "TOKENS_A_BATCH", 16)
    monkeypatch.setattr(train_from_base, "fastest_way", lambda encoder: ways_to_compute(encoder)["float32"])
    monkeypatch.setattr(train_from_base, "character_tagger", lambda base, tokens: random_raner())
    sentences = [annotate(text, [Span(0, 2, "LOC")]) for text in TEXTS]
    news = News(TEXTS, [np.arange(len(text), dtype=np.uint8) for text in TEXTS])
    return Material(None, sentences[:2], sentences[2:], news, tiny_tokenizer())


def test_a_row_a_variant_kept_when_run_again(material, tmp_path, monkeypatch):
    dev = {"ours": material.own}
    found = compare_ingredients(material, dev, tmp_path, SHORT, "the command")
    assert json.loads((tmp_path / ingredients.STUDY.name).read_text("utf-8")) == found
    assert [row["stage"] for row in found["rows"]] == list(VARIANTS)
    monkeypatch.setattr(ingredients, "trained_row", lambda *_: pytest.fail("trained again"))
    assert compare_ingredients(material, dev, tmp_path, SHORT, "the command") == found
    with pytest.raises(ValueError, match="the command"):
        compare_ingredients(material, dev, tmp_path, SHORT, "another command")


def test_own_sentences_are_repeated_and_the_base_can_be_left_out(material):
    training, batches = begin(material, SHORT)
    assert len(batches.sentences) == 2 + SHORT.own_copies
    new, once = begin(material, replace(SHORT, pretrained=False, own_copies=1))
    assert len(once.sentences) == 3
    weights = [t.pupil.raner.bert.embeddings.word_embeddings.weight for t in (training, new)]
    assert weights[0].shape == weights[1].shape and not torch.equal(*weights)
