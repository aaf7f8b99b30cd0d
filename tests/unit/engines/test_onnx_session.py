"""ONNX Runtime against torch, at every batch and length, pruned models included; INT8 by what its file holds."""

import itertools
import os
import platform
import subprocess
import sys
import time

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.pruning.remove import prune_heads, prune_neurons, prune_vocabulary
from utils.compress.quantization.static import VNNI
from utils.engines import onnx_session
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_files import CRF, TAGGER, WEIGHTS, calibration_inputs, operator_counts
from utils.engines.onnx_quantize import quantize_onnx, quantize_onnx_static
from utils.engines.onnx_session import (
    adds_exactly,
    default_threads,
    load_onnx_sentence_tagger,
    load_onnx_tagger,
    open_session,
    optimize_onnx,
    providers,
)
from utils.files import CheckpointError
from utils.measure.machine import machine
from utils.model.checkpoint import load_raner
from utils.model.torch_tagger import torch_backend, torch_tagger
from utils.tagger.viterbi import viterbi
from utils.text.tags import spans_from_bioes

WIDE = {"hidden_size": 48, "num_attention_heads": 12, "num_hidden_layers": 3}
"""Twelve heads a layer, of four features each."""


def uneven(model, tokenizer):
    """12, 5 and 0 heads."""
    return prune_heads(model, {1: [0, 2, 3, 7, 8, 9, 11], 2: list(range(12))}), tokenizer


def everything(model, tokenizer):
    """Fewer heads, then 17, 0 and 1 neurons, then 7 characters."""
    model, tokenizer = uneven(model, tokenizer)
    model = prune_neurons(model, {0: [0, 1, 7], 1: list(range(20)), 2: list(range(1, 20))})
    return prune_vocabulary(model, tokenizer, ["天地玄黄", "abc。"])


CUTS = {"12, 5 and 0 heads": uneven, "heads, neurons, characters": everything}


@pytest.fixture(scope="module", params=CUTS)
def cut(request, tmp_path_factory):
    model, tokenizer = CUTS[request.param](random_raner(3, **WIDE), tiny_tokenizer())
    return model, tokenizer, export_onnx(model, tokenizer, tmp_path_factory.mktemp("cut"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    from tests.conftest import TINY

    model, tokenizer = load_raner(TINY / "raner_tiny_published")
    return model, tokenizer, export_onnx(model, tokenizer, tmp_path_factory.mktemp("onnx"))


@pytest.fixture(scope="module")
def written_out(exported, tmp_path_factory):
    model, tokenizer, _ = exported
    return export_onnx(model, tokenizer, tmp_path_factory.mktemp("eager"), attention="eager")


@pytest.fixture(scope="module")
def optimized(exported, tmp_path_factory):
    return optimize_onnx(exported[2], tmp_path_factory.mktemp("optimized"))


def inputs(vocabulary, batch, length):
    ids = np.random.default_rng(length).integers(5, vocabulary, (batch, length))
    mask = np.ones_like(ids)
    mask[-1, length // 2 + 1 :] = 0
    return ids, mask


def furthest(path, model, batch, length):
    """Largest difference of emissions to torch's at the real positions."""
    ids, mask = inputs(model.config.vocab_size, batch, length)
    difference = load_onnx_tagger(path).backend(ids, mask) - torch_backend(model)(ids, mask)
    return np.abs(difference[mask.astype(bool)]).max()


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("length", [1, 2, 37, 500])
def test_every_graph_of_a_whole_model_agrees_with_torch(exported, written_out, optimized, batch, length):
    model, _, path = exported
    for graph in (path, written_out, optimized):
        assert furthest(graph, model, batch, length) < 1e-4


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("length", [1, 2, 37, 500])
def test_pruned_models_agree_with_torch(cut, batch, length):
    model, _, path = cut
    assert furthest(path, model, batch, length) < 1e-4


def test_every_layer_with_heads_has_one_attention_operator(cut):
    model, _, path = cut
    layers = sum(hasattr(layer.attention.self, "query") for layer in model.bert.encoder.layer)
    assert operator_counts(path)["Attention"] == layers
    assert operator_counts(path)["Softmax"] == 0


def test_written_out_attention_has_its_softmax(exported, written_out):
    layers = exported[0].config.num_hidden_layers
    assert operator_counts(written_out)["Softmax"] == layers and operator_counts(written_out)["Attention"] == 0


def test_export_leaves_the_model_as_it_was(exported):
    model, _, _ = exported
    assert model.config._attn_implementation == "eager" and not model.training


def test_no_stack_trace_of_this_machine_is_in_the_file(exported):
    assert os.getcwd().encode() not in (exported[2] / WEIGHTS).read_bytes()


def test_optimising_fuses_the_scale_into_the_product_of_written_out_attention(written_out, tmp_path):
    before, after = operator_counts(written_out), operator_counts(optimize_onnx(written_out, tmp_path))
    assert after["FusedMatMul"] == before["Mul"] == before["Softmax"] and after["Mul"] == 0


def test_slow_kernels_are_never_used(exported, optimized):
    before, after = operator_counts(exported[2]), operator_counts(optimized)
    assert after["SkipLayerNormalization"] == after["BiasGelu"] == 0
    assert after["LayerNormalization"] == before["LayerNormalization"] and after["Gelu"] == before["Gelu"]


def test_onnxruntime_would_have_used_them(exported, tmp_path):
    """The premise of `SLOW_FUSIONS`: left alone, ONNX Runtime fuses every sum with what comes behind it."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / WEIGHTS)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(exported[2] / WEIGHTS, options, providers=["CPUExecutionProvider"])
    before, after = operator_counts(exported[2]), operator_counts(tmp_path)
    assert after["SkipLayerNormalization"] == before["LayerNormalization"] > 0
    assert after["BiasGelu"] == before["Gelu"] > 0


def test_predictions_are_those_of_torch(exported):
    model, tokenizer, path = exported
    texts = ["新华社北京二月十一日电（记者唐虹）", "", "eh 摇滚狗涂鸦 Abc123", "天气" * 400]
    found, expected = load_onnx_tagger(path).predict(texts), torch_tagger(model, tokenizer).predict(texts)
    assert [[e.span for e in text] for text in found] == [[e.span for e in text] for text in expected]


def test_sentence_tagger_reads_sentences_apart(exported):
    _, _, path = exported
    parts = ["天气😀晴。", "Abc摇滚狗！", "新华社"]
    one, apart = load_onnx_sentence_tagger(path), load_onnx_tagger(path).predict(parts)
    starts = np.cumsum([0, *map(len, parts)])
    expected = [(e.start + at, e.end + at, e.type) for at, found in zip(starts, apart, strict=False) for e in found]
    assert [tuple(e.span) for e in one.predict(["".join(parts)])[0]] == expected


# --- INT8 --------------------------------------------------------------------------------------


def tensors(path):
    return {t.name: t for t in onnx.load(path / WEIGHTS).graph.initializer}


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


def test_calibration_inputs_are_unpadded():
    lengths = [i["input_ids"].shape for i in calibration_inputs(tiny_tokenizer(), ["天", "天地玄"])]
    assert lengths == [(1, 3), (1, 5)]
    assert all(i["attention_mask"].all() for i in calibration_inputs(tiny_tokenizer(), ["天", "天地玄"]))


@pytest.mark.parametrize("static", [False, True])
def test_pruned_models_can_be_quantised(cut, tmp_path, static):
    model, _, path = cut
    small = quantize_onnx_static(path, tmp_path, random_texts(8)) if static else quantize_onnx(path, tmp_path)
    assert close(path, small, model)


# --- Sessions ----------------------------------------------------------------------------------


def test_the_best_provider_that_is_there_comes_first():
    cpu, cuda, vino = "CPUExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider"
    assert providers([cpu, "AzureExecutionProvider", cuda]) == [cuda, cpu]
    assert providers([vino, cpu]) == [vino, cpu]
    assert set(providers()) <= set(onnxruntime.get_available_providers()) and cpu in providers()


def test_threads_are_pinned(exported):
    session = open_session(exported[2] / WEIGHTS, threads=2)
    assert session.get_session_options().intra_op_num_threads == 2
    assert open_session(exported[2] / WEIGHTS).get_session_options().intra_op_num_threads == default_threads() > 0


PRECISE = "session.x64quantprecision"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="CPUs of other makes have other instructions")
def test_bytes_are_summed_exactly_where_the_cpu_has_the_instruction():
    assert adds_exactly() == bool({*VNNI} & {*machine()["flags"]})


def test_where_sums_are_exact_sessions_keep_the_fast_way(exported, monkeypatch):
    monkeypatch.setattr(onnx_session, "adds_exactly", lambda: True)
    options = open_session(exported[2] / WEIGHTS).get_session_options()
    with pytest.raises(RuntimeError, match=PRECISE):
        options.get_session_config_entry(PRECISE)
    monkeypatch.setattr(onnx_session, "adds_exactly", lambda: False)
    assert open_session(exported[2] / WEIGHTS).get_session_options().get_session_config_entry(PRECISE) == "1"


def test_an_idle_session_burns_no_cpu(exported):
    """By default its workers go on spinning for tens of ms, and make others measured next look slow."""
    ids, mask = inputs(exported[0].config.vocab_size, 1, 300)
    session = open_session(exported[2] / WEIGHTS, threads=2)
    burnt = []
    for _ in range(3):
        session.run(None, {"input_ids": ids, "attention_mask": mask})
        start = time.process_time()
        time.sleep(0.1)
        burnt.append(time.process_time() - start)
    assert min(burnt) < 0.01


LOADS_WITHOUT_TORCH = """
import sys
from utils.engines.onnx_session import load_onnx_tagger
load_onnx_tagger(sys.argv[1]).predict(["新华社"])
assert "torch" not in sys.modules
"""


def test_loading_and_tagging_need_no_torch(exported):
    command = [sys.executable, "-c", LOADS_WITHOUT_TORCH, str(exported[2])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- Broken files ------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x00" * 1000], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_graph_is_a_clear_error(tmp_path, content):
    (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot load"):
        open_session(tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match="no such"):
        open_session(tmp_path / "absent.onnx")


@pytest.mark.parametrize("part", [0.01, 0.5, 0.999])
def test_a_truncated_file_is_a_clear_error(exported, tmp_path, part):
    whole = (exported[2] / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(CheckpointError, match="cannot load"):
        open_session(tmp_path / WEIGHTS)


@pytest.fixture
def split(exported, tmp_path):
    """An export with its tensors in a second file."""
    for file in exported[2].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    graph = onnx.load(exported[2] / WEIGHTS)
    onnx.save(graph, tmp_path / WEIGHTS, save_as_external_data=True, location="tensors.bin", size_threshold=1024)
    return tmp_path


def test_external_data_is_read_and_missed(exported, split):
    assert furthest(split, exported[0], 2, 9) < 1e-4
    (split / "tensors.bin").write_bytes((split / "tensors.bin").read_bytes()[:100])
    with pytest.raises(CheckpointError, match="cannot load"):
        open_session(split / WEIGHTS)
    (split / "tensors.bin").unlink()
    with pytest.raises(CheckpointError, match="cannot load"):
        open_session(split / WEIGHTS)


@pytest.mark.parametrize(
    ("file", "damage"),
    [*itertools.product([CRF, TAGGER], ["absent", "broken", "emptied"]), ("vocab.txt", "absent")],
)
def test_a_part_that_is_missing_or_broken_is_named(exported, tmp_path, file, damage):
    for part in exported[2].iterdir():
        (tmp_path / part.name).write_bytes(part.read_bytes())
    if damage == "absent":
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(b"" if damage == "emptied" else b"\x93broken")
    with pytest.raises(CheckpointError, match="not a whole export"):
        load_onnx_tagger(tmp_path)


def test_foreign_graph_is_named(exported, tmp_path):
    _, _, path = exported
    graph = onnx.load(path / WEIGHTS)
    graph.graph.output[0].name = "logits"
    graph.graph.node[-1].output[0] = "logits"
    onnx.save(graph, tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match="logits"):
        load_onnx_tagger(tmp_path)


def test_decoding_is_the_course_s_own(exported):
    """The graph ends at the emissions: numpy finds the same entities in them."""
    model, tokenizer, path = exported
    tagger, text = load_onnx_tagger(path), "新华社北京二月十一日电"
    encoding = tokenizer.batch([text])
    rows = tagger.backend(encoding.input_ids, encoding.attention_mask)[:, 1:-1]
    (tags,) = viterbi(rows, np.array([len(text)]), *model.crf.scores())
    spans = spans_from_bioes([model.labels[tag] for tag in tags])
    assert [tuple(e.span) for e in tagger.predict([text])[0]] == [tuple(span) for span in spans]
