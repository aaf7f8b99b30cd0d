"""Batches of the embedded model: a step's depends on its number alone, and targets stand at their characters."""

import lzma

import numpy as np
import pytest
import torch
from tiny_models import tiny_tokenizer

from utils.model.raner import IGNORED_LABEL
from utils.studies import fixed_shapes, mixed_batches
from utils.studies.mixed_batches import MixedBatches, Mixture, News, read_news
from utils.text.entities import Span, annotate
from utils.text.tags import RANER_LABELS

TEXTS = ["天地玄黄，宇宙洪荒。", "日月盈昃。", "寒来暑往，秋收冬藏。"]
SENTENCES = [annotate(text, [Span(0, 2, "LOC")]) for text in TEXTS]
NEWS = News(TEXTS[:2], [np.arange(len(text), dtype=np.uint8) for text in TEXTS[:2]])


@pytest.fixture
def batches(monkeypatch):
    monkeypatch.setattr(fixed_shapes, "TOKENS_A_BATCH", 16)  # one text each
    return lambda **mixture: MixedBatches(SENTENCES, NEWS, tiny_tokenizer(), Mixture(**({"steps": 9} | mixture)))


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_step_is_the_same_whenever_it_is_asked_for(batches):
    first, again = batches(), batches()
    assert all(equal(again[step], first[step]) for step in reversed(range(9)))
    assert not all(equal(batches(seed=2)[step], first[step]) for step in range(9))


def test_every_nth_batch_is_news(batches):
    mixed = batches(news_every=4)
    assert [step for step in range(9) if "lexical" in mixed[step]] == [3, 7]
    assert all(("labels" in mixed[step]) != ("lexical" in mixed[step]) for step in range(9))


def test_in_the_end_all_is_annotated(batches):
    mixed = batches(news_every=2, news_until=5)
    assert [step for step in range(9) if "lexical" in mixed[step]] == [1, 3]


@pytest.mark.parametrize(("share", "seen"), [(0.0, 0.0), (0.5, 1 / 3), (1.0, 0.5)])
def test_sentences_without_a_name_are_read_as_often_as_asked(batches, monkeypatch, share, seen):
    monkeypatch.setattr(mixed_batches, "varied", lambda sentence, *_: sentence)
    sentences = [SENTENCES[0], annotate(TEXTS[1], [])]
    mixed = MixedBatches(sentences, NEWS, tiny_tokenizer(), Mixture(steps=300, news_every=301, plain=share))
    outside = [not (mixed[step]["labels"] > RANER_LABELS.index("O")).any() for step in range(300)]
    assert np.mean(outside) == pytest.approx(seen, abs=0.05)


def test_a_longer_training_begins_like_a_shorter_one(batches):
    assert all(equal(batches(steps=30)[step], batches()[step]) for step in range(9))


def test_tags_stand_at_their_characters(batches, monkeypatch):
    monkeypatch.setattr(mixed_batches, "FORGOTTEN", 0.0)
    monkeypatch.setattr(mixed_batches, "varied", lambda sentence, *_: sentence)
    mixed, tokenizer = batches(news_every=100), tiny_tokenizer()
    for step in range(6):
        ids, labels = mixed[step]["input_ids"][0], mixed[step]["labels"][0]
        inside = labels != IGNORED_LABEL
        text = "".join(tokenizer.tokenizer.convert_ids_to_tokens(ids[inside].tolist()))
        assert text in TEXTS
        assert [RANER_LABELS[tag] for tag in labels[inside]][:3] == ["B-LOC", "E-LOC", "O"]


def test_what_is_hidden_is_asked_for_and_nothing_else(batches, monkeypatch):
    monkeypatch.setattr(mixed_batches, "MASKED", 0.5)
    mixed, tokenizer = batches(news_every=1), tiny_tokenizer()
    mask = tokenizer.tokenizer.mask_token_id
    for step in range(9):
        batch = mixed[step]
        ids, masked, lexical = (batch[name][0] for name in ("input_ids", "masked", "lexical"))
        assert torch.equal(ids == mask, masked != IGNORED_LABEL)
        whole = torch.where(ids == mask, masked, ids)
        real = lexical != IGNORED_LABEL
        assert "".join(tokenizer.tokenizer.convert_ids_to_tokens(whole[real].tolist())) in TEXTS
        assert lexical[real].tolist() == list(range(int(real.sum())))


def test_the_rate_rises_stays_and_falls():
    mixture = Mixture(steps=100, warm_up=10, decay=20)
    shares = [mixture.share_of_peak(step) for step in range(100)]
    assert shares[0] == pytest.approx(0.1) and shares[9:80] == [1.0] * 71
    assert shares[99] == pytest.approx(0.05) and shares[80:] == sorted(shares[80:], reverse=True)


def test_news_are_read_until_there_is_enough(tmp_path):
    lines = [f"第{number}行的新闻说，今天的雨下得很大。" for number in range(10)]
    with lzma.open(tmp_path / "news.txt.xz", "wt", encoding="utf-8") as file:
        file.write("\n".join([*lines, "图。"]))

    class Teacher:
        def tags(self, texts):
            return [np.full(len(text), 7, np.uint8) for text in texts]

    news = read_news(tmp_path / "news.txt.xz", 50, Teacher(), seed=1)
    assert len(news.texts) in (3, 4) and set(news.texts) < set(lines)  # a caption counts, and is left out
    assert [len(tags) for tags in news.tags] == [len(text) for text in news.texts]
    assert read_news(tmp_path / "news.txt.xz", 50, Teacher(), seed=2).texts != news.texts
