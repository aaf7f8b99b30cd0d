"""Removal against masking, and a map that survives a reload."""

import copy

import hugging_face
import pytest
import torch
from head_sets import ALL_HEADS, ALL_NEURONS, HEAD_SETS
from tiny_models import (
    emissions,
    hooks_of,
    masked_neurons,
    multiply_adds,
    parameters,
    random_raner,
    random_texts,
    same_weights,
    tiny_tokenizer,
)
from transformers import BertTokenizer

from utils.compress.pruning.remove import (
    masked_heads,
    prune_heads,
    prune_neurons,
    prune_vocabulary,
    zero_smallest_weights,
)
from utils.model.checkpoint import load_raner, save_raner
from utils.model.pruned_shape import pruning_map
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer

NEURON_SETS = {"one": {0: [19]}, "uneven": {0: [0, 5], 1: [1, 2, 3, 4, 7], 2: []}, "a whole layer": {1: ALL_NEURONS}}
TEXTS = random_texts(20)


@pytest.mark.parametrize("heads", HEAD_SETS.values(), ids=HEAD_SETS)
def test_removed_heads_are_masked_heads(model, batch, heads):
    with masked_heads(model, heads):
        masked = emissions(model, batch)
    torch.testing.assert_close(emissions(prune_heads(model, heads), batch), masked, rtol=0, atol=1e-5)


@pytest.mark.parametrize("neurons", NEURON_SETS.values(), ids=NEURON_SETS)
def test_removed_neurons_are_masked_neurons(model, batch, neurons):
    with masked_neurons(model, neurons):
        masked = emissions(model, batch)
    torch.testing.assert_close(emissions(prune_neurons(model, neurons), batch), masked, rtol=0, atol=1e-5)


def test_masking_heads_is_zeroing_their_columns_and_changes_the_answer(model, batch):
    zeroed = copy.deepcopy(model)
    zeroed.bert.encoder.layer[2].attention.output.dense.weight.data[:, 10:12] = 0
    with masked_heads(model, {2: [5]}):
        masked = emissions(model, batch)
    torch.testing.assert_close(masked, emissions(zeroed, batch), rtol=0, atol=1e-6)
    assert (masked - emissions(model, batch)).abs().max() > 1e-2


def test_masks_go_with_their_context_even_on_an_error(model):
    with pytest.raises(KeyError), masked_heads(model, {0: [0]}), masked_neurons(model, {0: [0]}):
        assert hooks_of(model) == 6
        raise KeyError
    assert hooks_of(model) == 0


def test_masking_a_pruned_model_speaks_of_original_heads(model, batch):
    pruned = prune_heads(model, {0: [0, 1], 1: ALL_HEADS})
    with masked_heads(pruned, {0: [0, 5]}):
        masked = emissions(pruned, batch)
    removed = emissions(prune_heads(model, {0: [0, 1, 5], 1: ALL_HEADS}), batch)
    torch.testing.assert_close(masked, removed, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("first", "then"), [({0: [1]}, {0: [2]}), ({0: [2, 7], 1: [0]}, {0: [1], 1: ALL_HEADS})])
def test_pruning_twice_is_pruning_once(model, first, then):
    both = {layer: first.get(layer, []) + then.get(layer, []) for layer in range(3)}
    once = prune_heads(model, both)
    for twice in (prune_heads(prune_heads(model, first), then), prune_heads(prune_heads(model, then), first)):
        assert same_weights(once, twice)
        assert pruning_map(once.config) == pruning_map(twice.config)
    assert same_weights(once, prune_heads(once, first)), "what is gone already may be named again"


def test_pruning_neurons_twice_is_pruning_once(model):
    twice = prune_neurons(prune_neurons(model, {1: [0, 3]}), {1: [4], 2: ALL_NEURONS})
    assert same_weights(twice, prune_neurons(model, {1: [0, 3, 4], 2: ALL_NEURONS}))


def test_the_map_names_what_is_left_by_original_numbers(model):
    pruned = prune_heads(prune_neurons(prune_heads(model, {0: [0, 1]}), {2: [3]}), {0: [5], 2: ALL_HEADS})
    assert pruned.config.kept_heads == [[2, 3, 4, 6, 7, 8, 9, 10, 11], ALL_HEADS, []]
    assert pruned.config.kept_neurons == [ALL_NEURONS, ALL_NEURONS, [n for n in ALL_NEURONS if n != 3]]
    assert not hasattr(model.config, "kept_heads") and not hasattr(pruned.config, "kept_tokens")


def test_the_original_is_untouched_and_shares_no_memory(model):
    before = copy.deepcopy(model)
    pruned = prune_neurons(prune_heads(model, {0: [0]}), {})
    with torch.no_grad():
        for parameter in pruned.parameters():
            parameter.zero_()
    assert same_weights(model, before)


@pytest.mark.parametrize("gone", [{3: [0]}, {-1: [0]}, {0: [12]}, {0: [-1]}])
def test_heads_that_never_were_are_an_error(model, gone):
    with pytest.raises(ValueError, match="3 layers of 12"):
        prune_heads(model, gone)


def test_a_pruned_model_can_be_trained(model, batch):
    pruned = prune_neurons(prune_heads(model, HEAD_SETS["a layer and some"]), {2: ALL_NEURONS}).train()
    pruned(**batch).loss.backward()
    without = [n for n, p in pruned.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert without == []


@pytest.mark.parametrize("heads", HEAD_SETS.values(), ids=HEAD_SETS)
def test_reload_is_bit_equal(model, batch, heads, tmp_path):
    tokenizer = tiny_tokenizer()
    pruned = prune_neurons(prune_heads(model, heads), NEURON_SETS["uneven"] | {1: ALL_NEURONS})
    save_raner(pruned, tokenizer, tmp_path)
    loaded, _ = load_raner(tmp_path)
    assert same_weights(loaded, pruned) and torch.equal(emissions(loaded, batch), emissions(pruned, batch))
    assert pruning_map(loaded.config) == pruning_map(pruned.config)
    assert same_weights(prune_heads(loaded, {2: [6]}), prune_heads(pruned, {2: [6]}))


def test_a_smaller_vocabulary_changes_no_answer_on_its_characters(model, tmp_path):
    tokenizer, texts = tiny_tokenizer(), [text.replace("玄", "").replace("b", "") for text in TEXTS]
    pruned, smaller = prune_vocabulary(model, tokenizer, texts)
    assert torch_tagger(pruned, smaller).predict(texts) == torch_tagger(model, tokenizer).predict(texts)
    assert parameters(model) - parameters(pruned) == 2 * model.config.hidden_size
    assert set(smaller.tokenizer.get_vocab()) == set(tokenizer.tokenizer.get_vocab()) - {"玄", "b"}
    save_raner(pruned, smaller, tmp_path)
    loaded, reloaded = load_raner(tmp_path)
    assert same_weights(loaded, pruned) and pruning_map(loaded.config) == pruning_map(pruned.config)
    assert reloaded.batch(texts).input_ids.tolist() == smaller.batch(texts).input_ids.tolist()


def test_characters_that_went_are_unknown(model):
    _, smaller = prune_vocabulary(model, tiny_tokenizer(), ["天地"])
    assert smaller.pieces("玄") == [smaller.tokenizer.unk_token_id]
    assert smaller.pieces("天") != smaller.pieces("地") != [smaller.tokenizer.unk_token_id]


def test_the_vocabulary_composes_and_keeps_original_numbers(model):
    tokenizer = tiny_tokenizer()
    twice, small = prune_vocabulary(*prune_vocabulary(model, tokenizer, ["天地玄黄"]), ["玄地"])
    once, same = prune_vocabulary(model, tokenizer, ["地玄"])
    assert same_weights(twice, once) and small.tokenizer.get_vocab() == same.tokenizer.get_vocab()
    vocabulary = tokenizer.tokenizer.get_vocab()
    assert pruning_map(twice.config).tokens == [0, 1, 2, 3, 4, vocabulary["地"], vocabulary["玄"]]


def test_case_and_unused_rows_and_a_late_padding_token_are_followed(model):
    tokens = ["天", "[unused1]", "[UNK]", "a", "[CLS]", "[SEP]", "[MASK]", "[PAD]"]
    model.config.pad_token_id = 7
    for lower in (True, False):
        vocabulary = {token: i for i, token in enumerate(tokens)}
        tokenizer = CharacterTokenizer(BertTokenizer(vocab=vocabulary, do_lower_case=lower))
        pruned, smaller = prune_vocabulary(model, tokenizer, ["Aa"])
        assert "[unused1]" not in smaller.tokenizer.get_vocab() and len(smaller) == pruned.config.vocab_size
        assert (smaller.pieces("A") == smaller.pieces("a")) == lower
        assert smaller.tokenizer.pad_token_id == pruned.config.pad_token_id
        answers = [torch_tagger(*pair).predict(["A", "aAA"]) for pair in ((model, tokenizer), (pruned, smaller))]
        assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "settings", [{"strip_accents": True, "do_lower_case": False}, {"strip_accents": False}, {"do_lower_case": False}]
)
def test_case_17_a_smaller_vocabulary_normalises_as_before(settings):
    characters = hugging_face.tokenizer(**settings)
    model = random_raner(vocab_size=len(hugging_face.TOKENS))
    whole, texts = CharacterTokenizer(characters), ["é天", "Éé", "Ee地"]
    pruned, smaller = prune_vocabulary(model, whole, texts)
    answers = [torch_tagger(*pair).predict(texts) for pair in ((model, whole), (pruned, smaller))]
    assert answers[0] == answers[1]
    names = smaller.tokenizer.convert_ids_to_tokens(range(len(smaller)))
    for character in "éÉEe":
        assert [names[piece] for piece in smaller.pieces(character)] == characters.tokenize(character) != ["[UNK]"]


@pytest.mark.parametrize("ratio", [1.5, 20, -0.1, float("nan")])
def test_case_29_a_share_of_the_weights_is_from_0_to_1(model, ratio):
    with pytest.raises(ValueError, match="wanted a share from 0 to 1"):
        zero_smallest_weights(model, ratio)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.95])
def test_zeros_make_nothing_smaller(model, ratio, tmp_path):
    zeroed = zero_smallest_weights(model, ratio)
    for old, new in zip(model.bert.encoder.parameters(), zeroed.bert.encoder.parameters(), strict=True):
        gone = new == 0
        assert torch.equal(new[~gone], old[~gone])
        assert int(gone.sum()) == (round(ratio * old.numel()) if old.dim() == 2 else 0)
        assert not gone.any() or old[gone].abs().max() <= old[~gone].abs().min()
    assert parameters(zeroed) == parameters(model) and multiply_adds(zeroed, 9) == multiply_adds(model, 9)
    sizes = [
        (save_raner(m, tiny_tokenizer(), tmp_path / name) / "model.safetensors").stat().st_size
        for name, m in (("old", model), ("new", zeroed))
    ]
    assert sizes[0] == sizes[1]
