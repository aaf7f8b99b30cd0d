"""A graph in float16 answers nearly as the float32 one, and hides what must be hidden."""

import numpy as np
import onnx
import pytest
from graphs import inputs
from onnx import TensorProto, numpy_helper

from utils.engines.onnx_files import GRAPH_FILE
from utils.engines.onnx_half import halve_onnx
from utils.engines.onnx_session import load_onnx_sentence_tagger, load_onnx_tagger
from utils.model.torch_tagger import torch_backend


@pytest.fixture(scope="module", params=["exported", "written_out"])
def halved(request, exported, tmp_path_factory):
    """Model, its float32 graph, the same in float16; attention as one operator, or written out."""
    source = exported[2] if request.param == "exported" else request.getfixturevalue("written_out")
    return exported[0], source, halve_onnx(source, tmp_path_factory.mktemp("half"))


def floats(path):
    """Type and values of each constant with floats, by name."""
    graph = onnx.load(path / GRAPH_FILE).graph
    tensors = [*graph.initializer, *(a.t for node in graph.node for a in node.attribute if a.name == "value")]
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16)
    return [(t.data_type, numpy_helper.to_array(t)) for t in tensors if t.data_type in kinds]


def test_every_constant_has_16_bits_and_is_finite(halved):
    _, source, half = halved
    kinds = {kind for kind, _ in floats(half)}
    assert {kind for kind, _ in floats(source)} == {TensorProto.FLOAT} and kinds == {TensorProto.FLOAT16}
    assert all(np.isfinite(values).all() for _, values in floats(half))


def test_inputs_and_emissions_keep_their_types(halved):
    before, after = (onnx.load(path / GRAPH_FILE).graph for path in halved[1:])
    assert list(after.input) == list(before.input) and list(after.output) == list(before.output)


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (4, 37), (2, 500)])
def test_emissions_are_near_those_of_torch_beside_padding_too(halved, batch, length):
    model, _, half = halved
    ids, mask = inputs(model.config.vocab_size, batch, length)
    ours, torchs = load_onnx_tagger(half).backend(ids, mask), torch_backend(model)(ids, mask)
    inside = mask.astype(bool)
    assert ours.dtype == np.float32 and np.isfinite(ours).all()
    assert np.abs(ours - torchs)[inside].max() < 0.01 * np.abs(torchs[inside]).max()


def test_what_is_hidden_changes_nothing(halved):
    """Half of a row is padding: whatever stands there, the emissions before it stay the same to the last bit."""
    model, _, half = halved
    ids, mask = inputs(model.config.vocab_size, 2, 60)
    other = np.where(mask == 1, ids, 7)
    backend = load_onnx_tagger(half).backend
    assert (ids != other).any()
    assert np.array_equal(backend(ids, mask)[mask == 1], backend(other, mask)[mask == 1])


def test_sentences_in_one_row_do_not_see_each_other(halved):
    _, source, half = halved
    text = "天气晴。Abc摇滚狗！新华社"
    spans = [[entity.span for entity in load_onnx_sentence_tagger(path).predict([text])[0]] for path in (source, half)]
    assert spans[0] == spans[1]
