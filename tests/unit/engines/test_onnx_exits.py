"""Graphs of a network with exits: together they are the network, and each ends where its exit does."""

import numpy as np
import pytest
import torch
from graphs import CUTS, WIDE
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.engines.onnx_exits import export_exits, load_exit_tagger, quantize_exits
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_quantize import quantize_onnx
from utils.engines.onnx_session import load_onnx_tagger
from utils.model.exit_head import ExitHead
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tagger import by_sentence

TEXTS = [text.replace("。", "，") for text in random_texts(12, longest=20, seed=5)]
"""Of one sentence each."""


def other_head(model, layer):
    """A head that answers otherwise than the model's end would."""
    head = ExitHead(model, layer).eval()
    torch.manual_seed(layer)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return head


@pytest.fixture(scope="module", params=["whole", *CUTS])
def exiting(request, tmp_path_factory):
    """Model, its heads after layers 1 and 2 of 3, tokenizer, and the graphs."""
    model, tokenizer = random_raner(3, **WIDE | {"num_hidden_layers": 3}), tiny_tokenizer()
    if request.param != "whole":
        model, tokenizer = CUTS[request.param](model, tokenizer)
    heads = [other_head(model, layer) for layer in (1, 2)]
    return model, heads, tokenizer, export_exits(model, heads, tokenizer, tmp_path_factory.mktemp("exits"))


@torch.no_grad()
def in_torch(model, heads, batch):
    """Emissions at every exit, by what the library says its hidden states are."""
    ids, mask = (torch.from_numpy(array) for array in (batch.input_ids, batch.attention_mask))
    said = model(ids, mask, output_hidden_states=True)
    return [head.classifier(said.hidden_states[head.layer]).numpy() for head in heads] + [said.logits.numpy()]


@pytest.mark.parametrize("texts", [["天"], ["天地玄黄", "宇宙", "洪荒日月盈昃"]])
def test_every_exit_says_what_torch_says_there(exiting, texts):
    model, heads, tokenizer, path = exiting
    batch = tokenizer.batch(texts)
    inputs, real = batch.input_ids, batch.attention_mask > 0
    for exit_, expected in zip(load_exit_tagger(path, 2.0).exits, in_torch(model, heads, batch), strict=True):
        inputs, emissions = exit_.stretch(inputs, batch.attention_mask)
        assert np.abs(emissions - expected)[real].max() < 1e-4


def test_whoever_never_leaves_gets_the_whole_model_s_answer(exiting):
    model, _, tokenizer, path = exiting
    expected = by_sentence(torch_tagger(model, tokenizer)).predict(TEXTS)
    found = load_exit_tagger(path, 2.0).predict(TEXTS)
    assert [[e.span for e in text] for text in found] == [[e.span for e in text] for text in expected]
    assert sum(map(len, found)) > 10


def test_whoever_leaves_at_once_gets_the_first_head_s_answer(exiting):
    model, (head, _), tokenizer, path = exiting
    first = load_exit_tagger(path, 0.0)
    batch = tokenizer.batch(TEXTS)
    emissions = in_torch(model, [head], batch)[0]
    expected = first.exits[0].decoder._replace(crf=head.crf.scores()).decode(TEXTS, emissions, batch.label_mask)
    found = [entity for text in TEXTS for entity in first.predict([text])[0]]
    same = [entity for tagged in expected for entity in tagged.entities]
    assert [e.span for e in found] == [e.span for e in same] and found
    assert [e.confidence for e in found] == pytest.approx([e.confidence for e in same], abs=1e-4)


def test_in_eight_bits_the_last_exit_is_nearly_the_quantised_model(exiting, tmp_path):
    model, _, tokenizer, path = exiting
    small = load_exit_tagger(quantize_exits(path, tmp_path / "exits"), 2.0)
    whole = load_onnx_tagger(quantize_onnx(export_onnx(model, tokenizer, tmp_path / "float"), tmp_path / "int8"))
    assert small.eight_bits and small.reading == "by sentence"
    batch = tokenizer.batch(TEXTS[:1])
    inputs = batch.input_ids
    for exit_ in small.exits:
        inputs, emissions = exit_.stretch(inputs, batch.attention_mask)
    expected = whole.backend(batch.input_ids, batch.attention_mask)
    assert np.abs(emissions - expected).max() < 0.05 * np.abs(expected).max()
