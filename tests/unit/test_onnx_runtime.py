"""ONNX Runtime against torch, at every batch and length, pruned models included."""

import numpy as np
import onnx
import pytest

from utils.onnx_runtime import WEIGHTS, export_onnx, load_onnx_tagger, open_session, quantize_onnx
from utils.pruning import prune_heads
from utils.raner import CheckpointError, load_raner
from utils.tagger import torch_tagger


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    from tests.conftest import TINY

    model, tokenizer = load_raner(TINY / "raner_tiny_published")
    return model, tokenizer, export_onnx(model, tokenizer, tmp_path_factory.mktemp("onnx"))


def inputs(vocabulary, batch, length):
    ids = np.random.default_rng(length).integers(5, vocabulary, (batch, length))
    mask = np.ones_like(ids)
    mask[-1, length // 2 + 1 :] = 0
    return ids, mask


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("length", [1, 2, 37, 500])
def test_emissions_agree_with_torch(exported, batch, length):
    model, tokenizer, path = exported
    ids, mask = inputs(model.config.vocab_size, batch, length)
    difference = load_onnx_tagger(path).backend(ids, mask) - torch_tagger(model, tokenizer).backend(ids, mask)
    assert np.abs(difference[mask.astype(bool)]).max() < 1e-4


@pytest.mark.parametrize("heads", [{0: [1]}, {0: [0, 1, 2, 3], 1: [2, 3]}], ids=["uneven", "a layer without heads"])
def test_pruned_models_agree_with_torch(exported, tmp_path, heads):
    model, tokenizer, _ = exported
    pruned = prune_heads(model, heads)
    ids, mask = inputs(model.config.vocab_size, 3, 20)
    path = export_onnx(pruned, tokenizer, tmp_path)
    difference = load_onnx_tagger(path).backend(ids, mask) - torch_tagger(pruned, tokenizer).backend(ids, mask)
    assert np.abs(difference[mask.astype(bool)]).max() < 1e-4


def test_predictions_are_those_of_torch(exported):
    model, tokenizer, path = exported
    texts = ["新华社北京二月十一日电（记者唐虹）", "", "eh 摇滚狗涂鸦 Abc123", "天气" * 400]
    found, expected = load_onnx_tagger(path).predict(texts), torch_tagger(model, tokenizer).predict(texts)
    assert [[e.span for e in text] for text in found] == [[e.span for e in text] for text in expected]


def test_int8_holds_no_large_float_tensor_and_stays_close(exported, tmp_path):
    model, tokenizer, path = exported
    small = quantize_onnx(path, tmp_path / "int8")
    tensors = onnx.load(small / WEIGHTS).graph.initializer
    assert max(np.prod(t.dims) for t in tensors if t.data_type == onnx.TensorProto.FLOAT) <= 512 * 32
    ids, mask = inputs(model.config.vocab_size, 2, 30)
    exact, rounded = (load_onnx_tagger(p).backend(ids, mask) for p in (path, small))
    assert 0 < np.abs(exact - rounded).max() < 0.1 * np.abs(exact).max()


def test_broken_file_is_a_clear_error(tmp_path):
    (tmp_path / WEIGHTS).write_bytes(b"not a graph")
    with pytest.raises(CheckpointError, match="cannot load"):
        open_session(tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match="no such"):
        open_session(tmp_path / "absent.onnx")


def test_foreign_graph_is_named(exported, tmp_path):
    _, _, path = exported
    graph = onnx.load(path / WEIGHTS)
    graph.graph.output[0].name = "logits"
    graph.graph.node[-1].output[0] = "logits"
    for file in ("config.json", "vocab.txt"):
        (tmp_path / file).write_bytes((path / file).read_bytes())
    onnx.save(graph, tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match="logits"):
        load_onnx_tagger(tmp_path)
