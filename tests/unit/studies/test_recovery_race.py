"""A recovery is watched, and leaves nothing behind but what it returns."""

import math
from functools import partial

import pytest
import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.batches import make_batches
from utils.compress.curves import Epoch
from utils.compress.pruning.remove import prune_heads
from utils.compress.recovery.distillation import Distillation, distil
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.recovery.rescaling import rescale_heads
from utils.compress.training import Schedule, dev_f1
from utils.measure.evaluation import evaluate
from utils.model.torch_tagger import torch_tagger
from utils.studies.recovery_race import concatenate_curves, run_recovery, run_rescaling
from utils.text.entities import Corpus, Span, annotate

SENTENCES = [annotate(text, [Span(0, 2, "ORG")]) for text in random_texts(96)]
CORPUS = Corpus(SENTENCES, SENTENCES[:8], SENTENCES[:8])


@pytest.mark.parametrize("method", [fine_tune, partial(distil, distillation=Distillation(random_raner(5)))])
def test_recover_returns_the_best_epoch_of_its_curve(method, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = random_raner()
    found = run_recovery(method, model, tiny_tokenizer(), CORPUS, Schedule(epochs=3, learning_rate=1e-2))
    first, *later = found.curve
    assert (first.epoch, first.step, first.seconds) == (0, 0, 0) and math.isnan(first.loss)
    assert first.f1 == evaluate(torch_tagger(model, tiny_tokenizer()), CORPUS.dev).scores.f1
    assert dev_f1(found.model, tiny_tokenizer(), CORPUS) == pytest.approx(max(point.f1 for point in later))
    assert [point.epoch for point in later] == [1, 2, 3] and later[-1].seconds <= found.seconds
    assert [point.step for point in later] == [3, 6, 9]
    assert dev_f1(found.last, tiny_tokenizer(), CORPUS) == pytest.approx(later[-1].f1)
    assert list(tmp_path.iterdir()) == []


def test_the_last_model_is_not_the_kept_one_where_dev_prefers_an_earlier_epoch():
    blind = [annotate(sentence.text, []) for sentence in SENTENCES[:8]]
    corpus = Corpus(SENTENCES, blind, blind)
    found = run_recovery(fine_tune, random_raner(), tiny_tokenizer(), corpus, Schedule(learning_rate=1e-2, steps=6))
    epoch_by_epoch = run_recovery(
        fine_tune, random_raner(), tiny_tokenizer(), CORPUS, Schedule(learning_rate=1e-2, steps=6)
    )
    kept, last, same = (
        torch.nn.utils.parameters_to_vector(m.parameters()) for m in (found.model, found.last, epoch_by_epoch.last)
    )
    assert not torch.equal(kept, last) and torch.equal(last, same)


def test_rescaling_has_a_curve_of_before_and_after():
    original, tokenizer = random_raner(), tiny_tokenizer()
    pruned = prune_heads(original, {0: [0, 1]})
    batches = make_batches(SENTENCES, tokenizer, original.labels)
    found = run_rescaling(pruned, original, tokenizer, CORPUS, batches)
    weights = zip(found.model.parameters(), rescale_heads(pruned, original, batches).parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)
    assert [point.f1 for point in found.curve] == [dev_f1(m, tokenizer, CORPUS) for m in (pruned, found.model)]
    assert [point.seconds for point in found.curve] == [0, found.seconds]
    assert [point.step for point in found.curve] == [0, 0]


def test_a_curve_goes_on_where_the_last_one_ended():
    first = [Epoch(0, 0, math.nan, 10, 0.0), Epoch(1, 16, 0.5, 30, 2.0)]
    second = [Epoch(0, 0, math.nan, 20, 0.0), Epoch(1, 16, 0.4, 40, 3.0), Epoch(1.5, 24, 0.3, 50, 4.0)]
    found = concatenate_curves([first, second, second])
    assert [point.epoch for point in found] == [0, 1, 1, 2, 2.5, 2.5, 3.5, 4]
    assert [point.step for point in found] == [0, 16, 16, 32, 40, 40, 56, 64]
    assert [point.seconds for point in found] == [0, 2, 2, 5, 6, 6, 9, 10]
    assert [point.f1 for point in found] == [10, 30, 20, 40, 50, 20, 40, 50]
