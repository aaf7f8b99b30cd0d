"""The twin is the same function at another size: emissions, attention, pruning map, file."""

import pytest
import torch
from tiny_models import emissions, random_raner, random_rows, random_texts, stack, tiny_tokenizer

from utils.compress.pruning.cost import predict_cost
from utils.compress.pruning.remove import masked_heads, prune_heads, prune_neurons, prune_vocabulary
from utils.model.checkpoint import MINI_RANER, load_raner, save_raner
from utils.model.pruned_shape import pruning_map
from utils.model.torch_tagger import torch_tagger
from utils.model.twin import article_twin, widen
from utils.text.corpus import load_corpus

ALL_HEADS, ALL_NEURONS = list(range(4)), list(range(20))
PRUNED = {
    "whole": lambda m: m,
    "heads": lambda m: prune_heads(m, {0: [1], 1: [0, 2, 3]}),
    "no heads in a layer": lambda m: prune_heads(m, {1: ALL_HEADS}),
    "neurons": lambda m: prune_neurons(m, {0: [0, 7], 1: [19]}),
    "no neurons in a layer": lambda m: prune_neurons(m, {0: ALL_NEURONS}),
    "heads and neurons": lambda m: prune_neurons(prune_heads(m, {0: [3]}), {0: [1, 2, 3], 1: [4]}),
}


@pytest.fixture
def model():
    return random_raner()


@pytest.fixture
def batch(model):
    return stack(random_rows(model), 5)[0]


@pytest.mark.parametrize("prune", PRUNED.values(), ids=PRUNED)
@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_the_twin_gives_the_same_emissions(model, batch, prune, factor):
    small = prune(model)
    twin = widen(small, factor, 100)
    assert twin.config.hidden_size == factor * 24 and twin.config.vocab_size == 100
    torch.testing.assert_close(emissions(twin, batch), emissions(small, batch), rtol=0, atol=1e-4)


def test_the_twin_attends_to_the_same_positions(model, batch):
    """Softmax temperature is kept, not made up for further on."""
    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"], "output_attentions": True}
    with torch.no_grad():
        small, wide = model(**inputs).attentions, widen(model, 3, 100)(**inputs).attentions
    assert len(small) == len(wide) == 2
    for a, b in zip(small, wide, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


def test_widening_and_pruning_heads_commute(model, batch):
    gone = {0: [2], 1: [0, 3]}
    first, last = widen(prune_heads(model, gone), 3, 100), prune_heads(widen(model, 3, 100), gone)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, last.state_dict()[name]), name
    with masked_heads(model, gone):
        masked = emissions(model, batch)
    torch.testing.assert_close(emissions(last, batch), masked, rtol=0, atol=1e-4)


def test_widening_and_pruning_neurons_commute(model):
    first = widen(prune_neurons(model, {0: [2, 19]}), 3, 100)
    last = prune_neurons(widen(model, 3, 100), {0: [2, 19, 22, 39, 42, 59]})
    assert pruning_map(first.config) == pruning_map(last.config)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, last.state_dict()[name]), name


@pytest.mark.parametrize("prune", PRUNED.values(), ids=PRUNED)
def test_the_twin_costs_what_its_size_predicts(model, prune):
    twin = widen(prune(model), 2, 100)
    cost = predict_cost(widen(model, 2, 100).config, pruning_map(twin.config), 9)
    assert cost.parameters == sum(p.numel() for p in twin.parameters())


@pytest.mark.parametrize("prune", PRUNED.values(), ids=PRUNED)
def test_a_saved_twin_loads_as_any_model(model, batch, prune, tmp_path):
    twin = widen(prune(model), 2, 100)
    save_raner(twin, tiny_tokenizer(), tmp_path)
    loaded, tokenizer = load_raner(tmp_path)
    assert torch.equal(emissions(loaded, batch), emissions(twin, batch))
    texts = random_texts(5)
    assert torch_tagger(loaded, tokenizer).predict(texts) == torch_tagger(twin, tiny_tokenizer()).predict(texts)


def test_the_twin_shares_no_memory_with_its_model(model, batch):
    before = emissions(model, batch)
    with torch.no_grad():
        for parameter in widen(model, 1, model.config.vocab_size).parameters():
            parameter.zero_()
    assert torch.equal(emissions(model, batch), before)


def test_the_article_twin_has_the_size_of_bert_base():
    model = random_raner(hidden_size=96, num_attention_heads=12, intermediate_size=384, num_hidden_layers=1)
    twin = article_twin(model)
    assert (twin.config.hidden_size, twin.config.intermediate_size, twin.config.vocab_size) == (768, 3072, 21128)
    batch = stack(random_rows(model), 5)[0]
    torch.testing.assert_close(emissions(twin, batch), emissions(model, batch), rtol=0, atol=1e-4)


def test_a_pruned_vocabulary_stays_pruned_in_the_article_twin():
    model = random_raner(hidden_size=96, num_attention_heads=12, intermediate_size=384, num_hidden_layers=1)
    small, _ = prune_vocabulary(model, tiny_tokenizer(), ["天地"])
    assert article_twin(small).config.vocab_size == 7


def test_impossible_sizes_are_errors(model):
    with pytest.raises(ValueError, match="smaller"):
        widen(model, 0, 100)
    with pytest.raises(ValueError, match="smaller"):
        widen(model, 2, model.config.vocab_size - 1)
    with pytest.raises(ValueError, match="does not divide"):
        article_twin(random_raner(hidden_size=20))


def test_the_embedded_model_and_its_article_twin_find_the_same_entities():
    model, tokenizer = load_raner(MINI_RANER)
    twin, texts = article_twin(model), [sentence.text for sentence in load_corpus().dev[:8]]
    encoding = tokenizer.batch(texts)
    batch = {
        "input_ids": torch.from_numpy(encoding.input_ids),
        "attention_mask": torch.from_numpy(encoding.attention_mask),
    }
    torch.testing.assert_close(emissions(twin, batch), emissions(model, batch), rtol=0, atol=1e-4)
    found, wide = (torch_tagger(m, tokenizer).predict(texts) for m in (model, twin))
    assert [[e.span for e in entities] for entities in wide] == [[e.span for e in entities] for entities in found]
