"""Each finding against a graph that has the fault, and one that has not."""

import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.pruning.remove import prune_heads
from utils.engines.onnx_checks import GraphFinding, check_graph, fused_by_pattern
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_files import GRAPH_FILE
from utils.engines.onnx_quantize import quantize_onnx, quantize_onnx_static
from utils.engines.onnx_session import optimize_onnx
from utils.files import CheckpointError
from utils.measure.machine import INT8_FLAGS

VNNI = ["avx2", "avx512_vnni"]


@pytest.fixture(scope="module")
def float_graph(tmp_path_factory):
    return export_onnx(random_raner(2), tiny_tokenizer(), tmp_path_factory.mktemp("float"))


@pytest.fixture(scope="module")
def uneven_and_written_out(tmp_path_factory):
    pruned = prune_heads(random_raner(2), {0: [1, 2]})
    return export_onnx(pruned, tiny_tokenizer(), tmp_path_factory.mktemp("eager"), attention="eager")


def whats(path, flags=VNNI):
    return [finding.what for finding in check_graph(path, flags)]


def only(path, flags=VNNI) -> GraphFinding:
    (finding,) = check_graph(path, flags)
    return finding


def test_good_int8_has_no_finding(float_graph, tmp_path):
    assert check_graph(quantize_onnx(float_graph, tmp_path / "dynamic"), VNNI) == []
    assert check_graph(quantize_onnx_static(float_graph, tmp_path / "static", random_texts(4)), VNNI) == []


def test_float_model_is_said_to_be_float(float_graph):
    finding = only(float_graph)
    graph = onnx.load(float_graph / GRAPH_FILE).graph
    sizes = [len(t.raw_data) for t in graph.initializer if t.data_type == TensorProto.FLOAT]
    megabytes = sum(size for size in sizes if size > 0.01 * graph.ByteSize()) / 1e6
    assert finding.what == f"nothing is quantised: {megabytes:.1f} MB of float32 tensors" and finding.remedy


def test_tensors_left_in_float_are_named_with_their_megabytes(float_graph, tmp_path):
    finding = only(quantize_onnx(float_graph, tmp_path, embeddings=False))
    rows, width = 512, 24
    assert f"position_embeddings.weight ({4 * rows * width / 1e6:.1f} MB)" in finding.what
    assert "embeddings=True" in finding.remedy


def test_unsigned_weights_are_found_but_unsigned_tables_are_not(float_graph, tmp_path):
    finding = only(quantize_onnx(float_graph, tmp_path, signed=False))
    assert finding.what.startswith(f"{2 * 6 + 1} weight matrices are unsigned")
    assert "signed=True" in finding.remedy


def test_attention_that_nothing_fused_and_heads_that_nothing_can_fuse(uneven_and_written_out):
    attention, heads = whats(uneven_and_written_out)[1:]
    assert attention == "attention is written out: 2 Softmax, no Attention operator"
    assert heads == "layers have different numbers of heads: 2, 4"


def test_uneven_heads_are_no_fault_of_one_attention_operator(tmp_path):
    path = export_onnx(prune_heads(random_raner(2), {0: [1, 2]}), tiny_tokenizer(), tmp_path)
    assert only(path).what.startswith("nothing is quantised")


@pytest.mark.parametrize("flag", sorted(INT8_FLAGS))
def test_cpu_without_integer_instructions(float_graph, tmp_path, flag):
    small = quantize_onnx(float_graph, tmp_path)
    assert "none of" in only(small, ["avx2", "avx512f"]).what
    assert check_graph(small, [flag]) == []


def test_float_models_need_no_integer_instructions(float_graph):
    assert all("none of" not in what for what in whats(float_graph, []))


def test_slow_fusions_that_onnxruntime_wrote_down_are_found(float_graph, tmp_path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / GRAPH_FILE)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(float_graph / GRAPH_FILE, options, providers=["CPUExecutionProvider"])
    (tmp_path / "config.json").write_bytes((float_graph / "config.json").read_bytes())
    assert any(what.endswith("written into the graph: BiasGelu, SkipLayerNormalization") for what in whats(tmp_path))
    assert not any("slow" in what for what in whats(optimize_onnx(float_graph, tmp_path / "ours")))


def test_by_default_this_machine_is_asked(float_graph, tmp_path, monkeypatch):
    small = quantize_onnx(float_graph, tmp_path)
    monkeypatch.setattr("utils.engines.onnx_checks.machine", lambda: {"flags": []})
    assert "this CPU" in check_graph(small)[0].what


@pytest.mark.parametrize("content", [None, b"not a graph"])
def test_no_graph_is_a_clear_error(tmp_path, content):
    if content:
        (tmp_path / GRAPH_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match="not an ONNX graph"):
        check_graph(tmp_path)


def test_the_pattern_search_finds_the_fused_operators_of_a_graph_and_no_attention(tmp_path):
    path = export_onnx(random_raner(1), tiny_tokenizer(), tmp_path, attention="eager")
    found = fused_by_pattern(path, heads=4, hidden_size=24)
    assert found["BiasGelu"] == 2 and found["SkipLayerNormalization"] == 4
    assert found["Attention"] == 0
