"""One part at a time: the parts cover the model once, and the damage is that of the part named."""

import pytest
import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer
from torch import nn

from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.compress.quantization.dynamic import quantize, quantize_only
from utils.compress.quantization.storage import CHARACTERS
from utils.measure.scores import agreement, entity_scores
from utils.model.torch_tagger import torch_tagger
from utils.studies.sensitivity import Yardstick, parts_of, sensitivity
from utils.text.entities import Sentence

TEXTS = random_texts(20)


def annotated(model, tokenizer):
    """Sentences whose annotation is what the float model says: its F1 is 100."""
    predictions = torch_tagger(model, tokenizer).predict(TEXTS)
    return [Sentence(text, tuple(entities)) for text, entities in zip(TEXTS, predictions, strict=True)]


def test_layers_and_kinds_cover_every_matrix_once():
    model = random_raner()
    parts = parts_of(model)
    linears = sorted(name for name, module in model.named_modules() if isinstance(module, nn.Linear))
    assert sorted(parts["layer 1"] + parts["layer 2"] + parts["classifier"]) == linears
    assert sorted(parts["attention"] + parts["feed-forward"] + parts["classifier"]) == linears
    assert sorted(parts["everything"]) == sorted([*linears, CHARACTERS])
    assert len(parts["layer 1"]) == 6 and len(parts["attention"]) == 8


def test_a_layer_without_matrices_is_left_out():
    empty = prune_neurons(prune_heads(random_raner(), {0: [0, 1, 2, 3]}), {0: list(range(20))})
    assert "layer 1" not in parts_of(empty) and "layer 2" in parts_of(empty)


def test_the_damage_is_that_of_the_named_part():
    model, tokenizer = random_raner(), tiny_tokenizer()
    sentences = annotated(model, tokenizer)
    parts = {"none": [], "classifier": ["classifier"], "everything": parts_of(model)["everything"]}
    damages = sensitivity(Yardstick(model, tokenizer, sentences), model, parts)
    assert damages["none"].f1.f1 == damages["none"].noise == 0 and damages["none"].agreement == 100
    for part, quantized in {"classifier": quantize_only(model, ["classifier"]), "everything": quantize(model)}.items():
        predictions = torch_tagger(quantized, tokenizer).predict(TEXTS, batch_size=1)
        assert damages[part].agreement == agreement([s.entities for s in sentences], predictions)
        assert damages[part].f1.f1 == pytest.approx(entity_scores(sentences, predictions).f1 - 100)
    assert 0 < damages["classifier"].noise < damages["everything"].noise


def test_noise_is_the_change_of_the_emissions_of_sentences_read_one_by_one():
    model, tokenizer = random_raner(), tiny_tokenizer()
    both = {"exact": [], "rounded": []}
    for text in TEXTS[:5]:
        ids, mask = map(torch.from_numpy, tokenizer.batch([text])[:2])
        with torch.no_grad():
            for kind, of in {"exact": model, "rounded": quantize(model)}.items():
                both[kind].append(of(ids, mask).logits.ravel())
    exact, rounded = (torch.cat(rows) for rows in both.values())
    expected = 100 * ((rounded - exact).square().mean() / exact.square().mean()).sqrt()
    sentences = [Sentence(text) for text in TEXTS[:5]]
    damages = sensitivity(Yardstick(model, tokenizer, sentences), model, {"all": parts_of(model)["everything"]})
    assert damages["all"].noise == pytest.approx(float(expected), rel=1e-4)


def test_who_shares_a_call_changes_int8_and_not_float32():
    model, tokenizer = random_raner(), tiny_tokenizer()
    yardstick = Yardstick(model, tokenizer, annotated(model, tokenizer))
    assert yardstick.damage(model, batch_size=16).noise < 1e-3
    alone, together = (yardstick.damage(quantize(model), batch_size).noise for batch_size in (1, 16))
    assert alone != pytest.approx(together, rel=1e-3)


def test_no_sentences_are_refused():
    with pytest.raises(ValueError, match="no sentences"):
        Yardstick(random_raner(), tiny_tokenizer(), [])


def test_what_was_answered_is_compared_as_the_model_that_answered():
    model, tokenizer = random_raner(), tiny_tokenizer()
    yardstick, int8 = Yardstick(model, tokenizer, annotated(model, tokenizer)), quantize(model)
    assert yardstick.compared(*yardstick.answers_of(int8)) == yardstick.damage(int8)
    assert yardstick.compared(yardstick.answers, 1.5 * yardstick.emissions).noise == pytest.approx(50)
    assert yardstick.compared(yardstick.answers, yardstick.emissions) == ((0, 0, 0), 100, 0)
