"""Fine-tuning learns, keeps shapes, and refuses what it cannot learn."""

import copy

import pytest
from tiny_models import (
    same_weights,
)

from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Schedule
from utils.measure.evaluation import evaluate
from utils.model.checkpoint import load_raner
from utils.model.pruned_shape import pruning_map
from utils.model.torch_tagger import torch_tagger
from utils.text.entities import Corpus
from utils.text.formats.bracketed import parse_bracketed

LINES = ["[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。", "[新华社](ORG)电。"]
SENTENCES = [parse_bracketed(line) for line in LINES]
CORPUS = Corpus(SENTENCES * 160, SENTENCES, SENTENCES)


@pytest.fixture
def tiny(tiny_published):
    model, tokenizer = load_raner(tiny_published)
    return prune_heads(model, {0: [1, 2]}), tokenizer


def test_learns_four_sentences_by_heart(tiny, tmp_path):
    model, tokenizer = tiny
    before = copy.deepcopy(model)
    tuned = fine_tune(model, tokenizer, CORPUS, tmp_path / "run", Schedule(epochs=6, learning_rate=1e-2))
    assert evaluate(torch_tagger(tuned, tokenizer), SENTENCES).scores.f1 > 90
    assert pruning_map(tuned.config) == pruning_map(model.config)
    assert same_weights(model, before)


def test_same_seed_same_weights(tiny, tmp_path):
    first, second = (fine_tune(*tiny, CORPUS, tmp_path / name, Schedule(epochs=1, seed=3)) for name in "ab")
    assert same_weights(first, second)


def test_layers_without_heads_or_neurons_can_be_trained(tiny, tmp_path):
    model, tokenizer = tiny
    bare = prune_neurons(prune_heads(model, {0: [0, 3]}), {1: list(range(64))})
    tuned = fine_tune(bare, tokenizer, CORPUS, tmp_path, Schedule(epochs=1))
    assert pruning_map(tuned.config) == pruning_map(bare.config)


def test_empty_corpus_is_refused(tiny, tmp_path):
    with pytest.raises(ValueError, match="no train"):
        fine_tune(*tiny, Corpus([], SENTENCES, SENTENCES), tmp_path, Schedule())


def test_unknown_type_is_named(tiny, tmp_path):
    odd = Corpus([parse_bracketed("[北京](CITY)")], SENTENCES, SENTENCES)
    with pytest.raises(ValueError, match="CITY"):
        fine_tune(*tiny, odd, tmp_path, Schedule())
