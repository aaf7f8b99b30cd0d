"""The embedded model's training: what it minimises, what it averages, and that it can be interrupted."""

import copy

import numpy as np
import pytest
import torch
from tiny_models import random_raner, tiny_tokenizer

from utils.studies import fixed_shapes, train_from_base
from utils.studies.mixed_batches import MixedBatches, Mixture, News
from utils.studies.train_from_base import Pupil, Training, train, ways_to_compute
from utils.text.entities import Span, annotate

TEXTS = ["天地玄黄，宇宙洪荒。", "日月盈昃。", "寒来暑往，秋收冬藏。"]
MIXTURE = Mixture(steps=8, warm_up=2, decay=3, body_rate=1e-3, head_rate=1e-2)


def new_training(mixture=MIXTURE):
    torch.manual_seed(1)
    dropped = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return Training(Pupil(random_raner(**dropped)), mixture)


@pytest.fixture
def batches(monkeypatch):
    monkeypatch.setattr(fixed_shapes, "TOKENS_A_BATCH", 16)
    monkeypatch.setattr(train_from_base, "fastest_way", lambda encoder: ways_to_compute(encoder)["float32"])
    news = News(TEXTS, [np.arange(len(text), dtype=np.uint8) for text in TEXTS])
    return MixedBatches([annotate(text, [Span(0, 2, "LOC")]) for text in TEXTS], news, tiny_tokenizer(), MIXTURE)


def step_once(training, batch):
    hidden = training.pupil.raner.bert(batch["input_ids"], batch["attention_mask"]).last_hidden_state
    return hidden, training.pupil.losses(hidden, batch)


def test_the_tagging_loss_is_the_models_own(batches):
    training, batch = new_training(), batches[0]
    _, losses = step_once(training, batch)
    assert losses.keys() == {"tagging"}
    torch.testing.assert_close(losses["tagging"], training.pupil.raner(**batch).loss)


def test_losses_on_news_are_those_of_a_softmax_written_out(batches):
    training, batch = new_training(), batches[1]
    hidden, losses = step_once(training, batch)
    pupil, real, masked = training.pupil, batch["lexical"][0] >= 0, batch["masked"][0] >= 0
    odds = pupil.lexical(hidden[0][real]).softmax(-1)
    lexical = torch.stack([o[t].log() for o, t in zip(odds, batch["lexical"][0][real], strict=True)])
    torch.testing.assert_close(losses["lexical"], -lexical.mean())
    if masked.any():
        table = pupil.raner.bert.embeddings.word_embeddings.weight
        odds = (pupil.transform(hidden[0][masked]) @ table.T + pupil.bias).softmax(-1)
        expected = torch.stack([o[t].log() for o, t in zip(odds, batch["masked"][0][masked], strict=True)])
        torch.testing.assert_close(losses["masked"], -expected.mean())


def test_a_step_moves_encoder_and_heads_at_their_own_rates(batches):
    training = new_training()
    before = copy.deepcopy(training.pupil.state_dict())
    hidden, _ = step_once(training, batches[0])
    training.learn(hidden, batches[0])
    moved = {name: (tensor - before[name]).abs().max().item() for name, tensor in training.pupil.state_dict().items()}
    assert moved["raner.bert.encoder.layer.0.output.dense.weight"] == pytest.approx(MIXTURE.body_rate / 2, rel=0.1)
    assert moved["raner.classifier.weight"] == pytest.approx(MIXTURE.head_rate / 2, rel=0.1)
    assert moved["lexical.weight"] == 0.0


def test_the_average_is_that_of_the_weights_along_the_way(batches):
    training, name = new_training(), "classifier.weight"
    expected = training.average.state_dict()[name].double()
    for step in range(4):
        hidden, _ = step_once(training, batches[step])
        training.learn(hidden, batches[step])
        stays = min(MIXTURE.averaging, (step + 1) / (step + 11))
        expected = stays * expected + (1 - stays) * training.pupil.raner.state_dict()[name].double()
    torch.testing.assert_close(training.average.state_dict()[name].double(), expected, rtol=0, atol=1e-6)


def test_an_interrupted_training_ends_with_the_same_weights(batches, tmp_path, monkeypatch):
    whole = train(new_training(), batches, tmp_path / "whole.pt", lambda model: "")
    first = new_training()
    real = first.learn

    def learn(*arguments):
        if first.step == 5:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(first, "learn", learn)
    monkeypatch.setattr(train_from_base, "SAVE_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        train(first, batches, tmp_path / "halves.pt", lambda model: "")
    resumed = train(new_training(), batches, tmp_path / "halves.pt", lambda model: "")
    assert all(torch.equal(whole.state_dict()[name], tensor) for name, tensor in resumed.state_dict().items())


def test_all_ways_compute_the_same():
    encoder = random_raner().bert
    ids = torch.randint(5, 20, (2, 6), generator=torch.Generator().manual_seed(0))
    ways = ways_to_compute(encoder)
    plain, half = (ways[name](ids, torch.ones_like(ids)) for name in ("float32", "bfloat16"))
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, plain, rtol=0.1, atol=0.1)
