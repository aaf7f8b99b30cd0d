"""Fine-tuning learns, keeps shapes and the original, picks the best epoch, and resumes."""

import copy

import pytest
import torch

from utils.corpus import Corpus, parse_bracketed
from utils.evaluation import evaluate
from utils.pruning import prune_heads, pruning_map
from utils.raner import load_raner
from utils.recovery import fine_tune
from utils.tagger import torch_tagger

LINES = ["[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。", "[新华社](ORG)电。"]
SENTENCES = [parse_bracketed(line) for line in LINES]
CORPUS = Corpus(SENTENCES * 160, SENTENCES, SENTENCES)


@pytest.fixture
def tiny(tiny_published):
    model, tokenizer = load_raner(tiny_published)
    return prune_heads(model, {0: [1, 2]}), tokenizer


def test_learns_four_sentences_by_heart(tiny, tmp_path):
    model, tokenizer = tiny
    weights = copy.deepcopy(model.state_dict())
    tuned = fine_tune(model, tokenizer, CORPUS, tmp_path / "run", epochs=6, learning_rate=1e-2)
    assert evaluate(torch_tagger(tuned, tokenizer), SENTENCES).scores.f1 > 90
    assert pruning_map(tuned.config) == pruning_map(model.config)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())


def test_same_seed_same_weights(tiny, tmp_path):
    model, tokenizer = tiny
    first, second = (fine_tune(model, tokenizer, CORPUS, tmp_path / name, epochs=1, seed=3) for name in "ab")
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_finished_run_is_not_trained_again(tiny, tmp_path):
    model, tokenizer = tiny
    first = fine_tune(model, tokenizer, CORPUS, tmp_path / "run", epochs=1)
    again = fine_tune(model, tokenizer, CORPUS, tmp_path / "run", epochs=1)
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True))


def test_empty_corpus_is_refused(tiny, tmp_path):
    with pytest.raises(ValueError, match="no train"):
        fine_tune(*tiny, Corpus([], SENTENCES, SENTENCES), tmp_path)


def test_unknown_type_is_named(tiny, tmp_path):
    odd = Corpus([parse_bracketed("[北京](CITY)")], SENTENCES, SENTENCES)
    with pytest.raises(ValueError, match="CITY"):
        fine_tune(*tiny, odd, tmp_path)
