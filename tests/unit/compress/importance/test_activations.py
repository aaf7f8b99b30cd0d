"""Scores from attention maps against brute force over whole maps, sentence by sentence."""

import copy

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from score_checks import HEAD_SIZE, HEADS, agree
from tiny_models import (
    random_rows,
    stack,
)

from utils.compress.importance.activations import article_score, attention_entropy, confidence, frobenius_norm


@pytest.fixture
def maps(model):
    """Per sentence, unpadded: attention `(layers, heads, length, length)` and what each head adds."""
    eager = copy.deepcopy(model)
    eager.set_attn_implementation("eager")
    found = []
    for ids, _ in random_rows(model):
        with torch.no_grad():
            out = eager.bert(ids[None], torch.ones_like(ids)[None], output_attentions=True, output_hidden_states=True)
        found.append((torch.cat(out.attentions).numpy(), added_by_heads(eager, out)))
    return found


def added_by_heads(model, out) -> np.ndarray:
    """`(layers, heads, length, hidden)`, from attention maps and values, matrix by matrix."""
    added = []
    for layer, hidden, alpha in zip(model.bert.encoder.layer, out.hidden_states, out.attentions, strict=False):
        values, weight = layer.attention.self.value(hidden[0]), layer.attention.output.dense.weight
        parts = [slice(h * HEAD_SIZE, (h + 1) * HEAD_SIZE) for h in range(HEADS)]
        added.append([(alpha[0, h] @ values[:, p] @ weight[:, p].T).detach().numpy() for h, p in enumerate(parts)])
    return np.array(added)


def test_article_score_is_the_mean_squared_attention_of_each_sentence(model, maps):
    truth = np.mean([(alpha**2).mean((2, 3)) for alpha, _ in maps], 0)
    agree(article_score(model, stack(random_rows(model), 2)), torch.from_numpy(truth))


def test_frobenius_norm_is_that_of_what_a_head_adds(model, maps):
    truth = np.mean([np.linalg.norm(added, axis=(2, 3)) for _, added in maps], 0)
    agree(frobenius_norm(model, stack(random_rows(model), 2)), torch.from_numpy(truth))


def test_attention_entropy_is_scipys_negated(model, maps):
    truth = -np.concatenate([entropy(alpha, axis=-1) for alpha, _ in maps], -1).mean(-1)
    agree(attention_entropy(model, stack(random_rows(model), 2)), torch.from_numpy(truth))


def test_confidence_is_the_mean_largest_weight_without_the_separator(model, maps):
    truth = np.concatenate([alpha[..., :-1].max(-1) for alpha, _ in maps], -1).mean(-1)
    agree(confidence(model, stack(random_rows(model), 2)), torch.from_numpy(truth))
