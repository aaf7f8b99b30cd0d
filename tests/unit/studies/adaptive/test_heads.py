"""Exits learn from hidden states, and the network does not change."""

import pytest
import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.batches import make_batches
from utils.model.checkpoint import model_digest
from utils.model.exit_head import ExitHead, states_at
from utils.model.torch_tagger import torch_tagger
from utils.studies.adaptive.heads import trained_heads
from utils.text.entities import annotate


@pytest.fixture(scope="module")
def task():
    """A model, and sentences annotated as it tags them: its own end is right, its first layer is not."""
    model, tokenizer = random_raner(3, num_hidden_layers=3), tiny_tokenizer()
    texts = random_texts(64, seed=4)
    found = torch_tagger(model, tokenizer).predict(texts)
    sentences = [annotate(text, [e.span for e in entities]) for text, entities in zip(texts, found, strict=True)]
    return model, tokenizer, sentences


def loss(head, model, tokenizer, sentences):
    (batch,) = make_batches(sentences, tokenizer, model.labels, batch_size=len(sentences))
    (state,) = states_at(model, batch, [head.layer])
    with torch.no_grad():
        return head.loss(state, batch["labels"]).item()


def test_trained_heads_are_better_than_the_model_s_own_end_at_their_layer(task):
    model, tokenizer, sentences = task
    before = model_digest(model)
    found = trained_heads(model, tokenizer, sentences, [1, 2], steps=40, seed=0)
    assert [head.layer for head in found] == [1, 2] and model_digest(model) == before
    for head in found:
        assert loss(head, model, tokenizer, sentences) < 0.8 * loss(ExitHead(model, head.layer), *task)


def test_the_seed_decides(task):
    weights = [trained_heads(*task, [1], steps=9, seed=seed)[0].classifier.weight for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_the_loss_is_the_model_s_at_its_end(task):
    model, tokenizer, sentences = task
    (batch,) = make_batches(sentences, tokenizer, model.labels, batch_size=len(sentences))
    with torch.no_grad():
        expected = model(**batch).loss.item()
    assert loss(ExitHead(model, 3), model, tokenizer, sentences) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("layers", [[0], [3], [1, 7]])
def test_an_exit_is_before_the_last_layer(task, layers):
    with pytest.raises(ValueError, match="the model has 3"):
        trained_heads(*task, layers, steps=1, seed=0)
