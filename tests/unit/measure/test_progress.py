"""A bar says how far long work is, and changes nothing about it."""

import pytest
from tiny_models import random_raner, tiny_tokenizer

from utils.compress.batches import make_batches
from utils.compress.importance.gradients import michel_per_example
from utils.measure import progress
from utils.measure.evaluation import evaluate
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tagger import by_sentence
from utils.text.entities import Sentence

SENTENCES = [Sentence("天地玄黄"), Sentence("宇宙洪荒，日月"), Sentence("盈昃")]


@pytest.fixture
def bars(monkeypatch):
    """What bars were made: description, and how many items they have come to."""
    made = []

    class Bar(progress.tqdm):
        def __init__(self, *given, **options):
            super().__init__(*given, **options)
            made.append(self)

    monkeypatch.setattr(progress, "tqdm", Bar)
    return made


def test_short_work_shows_nothing(capsys):
    assert list(progress.shown([1, 2, 3], "counting")) == [1, 2, 3]
    assert capsys.readouterr().err == ""


def test_long_work_shows_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0)
    items = iter(progress.shown([1, 2, 3], "counting"))
    next(items)
    assert "counting:   0%" in capsys.readouterr().err


def test_a_test_set_and_scores_say_how_far_they_are(bars):
    model, tokenizer = random_raner(), tiny_tokenizer()
    evaluate(by_sentence(torch_tagger(model, tokenizer)), SENTENCES)
    michel_per_example(model, make_batches(SENTENCES, tokenizer, model.labels))
    assert [bar.desc.rstrip(": ") for bar in bars] == ["tagging", "scoring"]
    assert all(bar.n == bar.total > 0 for bar in bars)


def test_a_bar_changes_no_answer():
    tagger = torch_tagger(random_raner(), tiny_tokenizer())
    assert evaluate(tagger, SENTENCES).predictions == tagger.predict([sentence.text for sentence in SENTENCES])
