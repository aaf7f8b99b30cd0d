"""Sessions: what ONNX Runtime fuses and what it must not, threads, providers, and files that are broken."""

import subprocess
import sys
import time

import numpy as np
import onnx
import onnxruntime
import pytest
from graphs import furthest, inputs

from utils.engines import onnx_session
from utils.engines.onnx_files import GRAPH_FILE, operator_counts
from utils.engines.onnx_session import (
    load_by_default,
    load_onnx_sentence_tagger,
    load_onnx_tagger,
    open_session,
    optimize_onnx,
    providers,
)
from utils.files import CheckpointError


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
    options.optimized_model_filepath = str(tmp_path / GRAPH_FILE)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(exported[2] / GRAPH_FILE, options, providers=["CPUExecutionProvider"])
    before, after = operator_counts(exported[2]), operator_counts(tmp_path)
    assert after["SkipLayerNormalization"] == before["LayerNormalization"] > 0
    assert after["BiasGelu"] == before["Gelu"] > 0


def test_left_alone_it_gives_the_same_emissions(exported):
    """What is left to ONNX Runtime's defaults is how, not what."""
    ids, mask = inputs(exported[0].config.vocab_size, 2, 30)
    ours, theirs = (load(exported[2], threads=1).backend(ids, mask) for load in (load_onnx_tagger, load_by_default))
    assert np.abs(ours - theirs)[mask == 1].max() < 1e-4


def test_sentence_tagger_reads_sentences_apart(exported):
    _, _, path = exported
    parts = ["天气😀晴。", "Abc摇滚狗！", "新华社"]
    one, apart = load_onnx_sentence_tagger(path), load_onnx_tagger(path).predict(parts)
    starts = np.cumsum([0, *map(len, parts)])
    expected = [(e.start + at, e.end + at, e.type) for at, found in zip(starts, apart, strict=False) for e in found]
    assert [tuple(e.span) for e in one.predict(["".join(parts)])[0]] == expected


def test_the_best_provider_that_is_there_comes_first(monkeypatch):
    cpu, cuda, vino = "CPUExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider"
    assert set(providers()) <= set(onnxruntime.get_available_providers()) and cpu in providers()
    for present, best in ([cpu, "AzureExecutionProvider", cuda], [cuda, cpu]), ([vino, cpu], [vino, cpu]):
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda present=present: present)
        assert providers() == best


@pytest.mark.parametrize("threads", [1, 3])
def test_a_session_has_the_threads_that_it_is_given(exported, threads):
    session = open_session(exported[2] / GRAPH_FILE, threads)
    assert session.get_session_options().intra_op_num_threads == threads


THREADS_OF_A_PROCESS = """
import sys
from pathlib import Path
from utils.engines.onnx_session import open_session
print(open_session(Path(sys.argv[1])).get_session_options().intra_op_num_threads)
"""


@pytest.mark.parametrize("before", ["", "import torch; torch.set_num_threads(1)"], ids=["alone", "after torch"])
def test_the_default_is_two_threads_whatever_the_process_has(exported, monkeypatch, before):
    """Neither torch, nor the order of imports, nor the environment decides."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = [sys.executable, "-c", before + THREADS_OF_A_PROCESS, str(exported[2] / GRAPH_FILE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == "2", done.stderr


PRECISE = "session.x64quantprecision"


def test_where_sums_are_exact_sessions_keep_the_fast_way(exported, monkeypatch):
    monkeypatch.setattr(onnx_session, "adds_exactly", lambda: True)
    options = open_session(exported[2] / GRAPH_FILE).get_session_options()
    with pytest.raises(RuntimeError, match=PRECISE):
        options.get_session_config_entry(PRECISE)
    monkeypatch.setattr(onnx_session, "adds_exactly", lambda: False)
    assert open_session(exported[2] / GRAPH_FILE).get_session_options().get_session_config_entry(PRECISE) == "1"


def test_an_idle_session_burns_no_cpu(exported):
    """By default its workers go on spinning for tens of ms, and make others measured next look slow."""
    ids, mask = inputs(exported[0].config.vocab_size, 1, 300)
    session = open_session(exported[2] / GRAPH_FILE, threads=2)
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
assert not {"torch", "onnx"} & sys.modules.keys()
"""


def test_loading_and_tagging_need_neither_torch_nor_onnx(exported):
    command = [sys.executable, "-c", LOADS_WITHOUT_TORCH, str(exported[2])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x00" * 1000], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_graph_is_a_clear_error(tmp_path, content):
    (tmp_path / GRAPH_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot load"):
        open_session(tmp_path / GRAPH_FILE)
    with pytest.raises(CheckpointError, match="no such"):
        open_session(tmp_path / "absent.onnx")


@pytest.mark.parametrize("part", [0.01, 0.5, 0.999])
def test_a_truncated_file_is_a_clear_error(exported, tmp_path, part):
    whole = (exported[2] / GRAPH_FILE).read_bytes()
    (tmp_path / GRAPH_FILE).write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(CheckpointError, match="cannot load"):
        open_session(tmp_path / GRAPH_FILE)


@pytest.fixture
def split(exported, tmp_path):
    """An export with its tensors in a second file."""
    for file in exported[2].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    graph = onnx.load(exported[2] / GRAPH_FILE)
    onnx.save(graph, tmp_path / GRAPH_FILE, save_as_external_data=True, location="tensors.bin", size_threshold=1024)
    return tmp_path


def test_external_data_is_read_and_missed(exported, split):
    assert furthest(split, exported[0], 2, 9) < 1e-4
    (split / "tensors.bin").write_bytes((split / "tensors.bin").read_bytes()[:100])
    with pytest.raises(CheckpointError, match="cannot load"):
        open_session(split / GRAPH_FILE)
    (split / "tensors.bin").unlink()
    with pytest.raises(CheckpointError, match="cannot load"):
        open_session(split / GRAPH_FILE)


def test_foreign_graph_is_named(exported, tmp_path):
    _, _, path = exported
    graph = onnx.load(path / GRAPH_FILE)
    graph.graph.output[0].name = "logits"
    graph.graph.node[-1].output[0] = "logits"
    onnx.save(graph, tmp_path / GRAPH_FILE)
    with pytest.raises(CheckpointError, match="logits"):
        load_onnx_tagger(tmp_path)
