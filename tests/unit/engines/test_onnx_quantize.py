"""INT8 graphs by what their file holds, and close to the float ones that they come from."""

import numpy as np
import onnx
import pytest
from graphs import inputs
from onnx import TensorProto, numpy_helper
from tiny_models import random_texts

from utils.engines.onnx_files import GRAPH_FILE, operator_counts
from utils.engines.onnx_quantize import quantize_onnx, quantize_onnx_static
from utils.engines.onnx_session import load_onnx_tagger


def tensors(path):
    return {t.name: t for t in onnx.load(path / GRAPH_FILE).graph.initializer}


def matrices(path, kind):
    return [t for t in tensors(path).values() if t.data_type == kind and len(t.dims) == 2]


def close(path, small, model):
    """Rounded emissions are others, by less than a tenth of the largest."""
    ids, mask = inputs(model.config.vocab_size, 2, 30)
    exact, rounded = (load_onnx_tagger(p).backend(ids, mask) for p in (path, small))
    return 0 < np.abs(exact - rounded).max() < 0.1 * np.abs(exact).max()


def test_dynamic_int8_leaves_no_float_matrix_and_stays_close(exported, tmp_path):
    model, _, path = exported
    small = quantize_onnx(path, tmp_path)
    tables, in_a_layer, classifier = 3, 6, 1
    assert len(matrices(small, TensorProto.INT8)) == in_a_layer * model.config.num_hidden_layers + classifier
    assert len(matrices(small, TensorProto.UINT8)) == tables and matrices(small, TensorProto.FLOAT) == []
    assert close(path, small, model)


def test_embeddings_can_stay_float(exported, tmp_path):
    model, _, path = exported
    small = quantize_onnx(path, tmp_path, embeddings=False)
    shapes = {tuple(t.dims) for t in matrices(small, TensorProto.FLOAT)}
    assert (model.config.vocab_size, model.config.hidden_size) in shapes
    assert close(path, small, model)


def test_unsigned_weights_are_unsigned(exported, tmp_path):
    model, _, path = exported
    small = quantize_onnx(path, tmp_path, signed=False)
    assert matrices(small, TensorProto.INT8) == [] and len(matrices(small, TensorProto.UINT8)) > 6
    assert close(path, small, model)


@pytest.mark.parametrize("per_channel", [True, False])
def test_one_scale_for_each_channel_or_for_the_matrix(exported, tmp_path, per_channel):
    model, _, path = exported
    small = quantize_onnx(path, tmp_path, per_channel=per_channel)
    held = tensors(small)
    name = next(name for name, t in held.items() if list(t.dims) == [model.config.hidden_size, model.config.num_labels])
    scale = numpy_helper.to_array(held[name.replace("_quantized", "_scale")])
    assert scale.size == (model.config.num_labels if per_channel else 1)


def test_per_channel_weights_are_right_to_half_a_step(exported, tmp_path):
    """Against torch's own matrix, not against what the quantiser says of itself."""
    model, _, path = exported
    held = tensors(quantize_onnx(path, tmp_path))
    shape = [model.config.hidden_size, model.config.num_labels]
    name = next(name for name, t in held.items() if list(t.dims) == shape)
    scale = numpy_helper.to_array(held[name.replace("_quantized", "_scale")])
    back = numpy_helper.to_array(held[name]) * scale
    error = np.abs(back - model.classifier.weight.detach().numpy().T)
    assert (error <= scale / 2 + 1e-7).all() and error.max() > 0


def test_static_int8_fixes_activations_and_stays_close(exported, tmp_path):
    """Close on the texts it was calibrated on; others may leave the ranges seen."""
    model, tokenizer, path = exported
    texts = ["新华社北京电", "记者唐虹摇滚狗", "天气晴，有风。"]
    small = quantize_onnx_static(path, tmp_path, texts)
    counts = operator_counts(small)
    assert counts["QuantizeLinear"] > 0 and counts["DynamicQuantizeLinear"] == 0
    assert matrices(small, TensorProto.FLOAT) == [] and counts["Gather"] == operator_counts(path)["Gather"]
    exact, rounded = (load_onnx_tagger(p).backend(*tokenizer.batch(texts)[:2]) for p in (path, small))
    assert 0 < np.abs(exact - rounded).max() < 0.1 * np.abs(exact).max()


def test_static_ranges_come_from_the_texts(exported, tmp_path):
    """Other texts, other ranges; the same texts again, the same ranges."""
    _, _, path = exported
    texts = ["新华社北京电", "记者唐虹摇滚狗"]
    runs = [
        quantize_onnx_static(path, tmp_path / name, t) for name, t in zip("abc", [texts, texts, ["天"]], strict=True)
    ]
    scales = [
        {n: float(numpy_helper.to_array(t)) for n, t in tensors(run).items() if n.endswith("_scale") and not t.dims}
        for run in runs
    ]
    assert scales[0] == scales[1] and scales[0] != scales[2]


@pytest.mark.parametrize("static", [False, True])
def test_pruned_models_can_be_quantised(cut, tmp_path, static):
    model, _, path = cut
    small = quantize_onnx_static(path, tmp_path, random_texts(8)) if static else quantize_onnx(path, tmp_path)
    assert close(path, small, model)
