"""Profiles: of a real session, by what its graph holds; and sums by hand, from events written by hand."""

import json

import numpy as np
import onnxruntime
import pytest

from utils.engines import onnx_profile
from utils.engines.onnx_files import operator_counts
from utils.engines.onnx_profile import operator_times
from utils.engines.onnx_quantize import quantize_onnx
from utils.engines.onnx_session import load_onnx_sentence_tagger
from utils.measure.latency import Latency
from utils.measure.memory import BenchmarkError
from utils.tagger.batching import pack

ENTRIES = ("force_spinning_stop", "set_denormal_as_zero")
TEXT = "新华社北京电。记者唐虹摇滚狗！天气晴，有风。"


def nodes_of(profile):
    return {row.operator: row.nodes for row in profile.operators}


@pytest.fixture(scope="module")
def profile(exported):
    return operator_times(exported[2], [TEXT], repeats=5, threads=1)


def test_it_counts_the_operators_of_the_graph(exported, optimized, profile):
    """As ONNX Runtime itself writes the graph that it would run."""
    layers = exported[0].config.num_hidden_layers
    assert {name: n for name, n in nodes_of(profile).items() if n >= layers} == {
        name: n for name, n in operator_counts(optimized).items() if n >= layers
    }


def test_parts_add_up_to_the_call(profile):
    """Each is a median of its own, and a session's first calls do not count: roughly."""
    parts = [row.milliseconds for row in profile.operators] + [profile.between, profile.outside]
    assert min(parts) >= 0 and len(profile.latency.samples) == 5
    assert sum(parts) == pytest.approx(profile.latency.p50, rel=0.5)
    assert [row.milliseconds for row in profile.operators] == sorted(parts[:-2], reverse=True)
    for row in profile.operators:
        assert row.share == pytest.approx(100 * row.milliseconds / profile.latency.p50)


def test_shapes_are_those_of_packed_rows(profile):
    lengths = [len(part) + 2 for part in ("新华社北京电。", "记者唐虹摇滚狗！", "天气晴，有风。")]
    assert {place.row for place in pack(lengths, 128)} == {0} and profile.shapes == [(1, sum(lengths))]


def test_in_eight_bits_the_products_are_those_of_bytes(exported, tmp_path):
    path = quantize_onnx(exported[2], tmp_path)
    nodes = nodes_of(operator_times(path, [TEXT], repeats=2, threads=1))
    layers = exported[0].config.num_hidden_layers
    products = nodes["DynamicQuantizeMatMul"] + nodes["MatMulIntegerToFloat"]
    assert products == 6 * layers + 1 and nodes["Attention"] == layers and "MatMul" not in nodes


def test_the_session_is_the_one_that_taggers_have(exported, monkeypatch):
    """All options but those of the profiler."""
    sessions = []
    real = onnxruntime.InferenceSession

    def noted(model, options, **settings):
        entries = [options.get_session_config_entry(f"session.{name}") for name in ENTRIES]
        sessions.append((options.intra_op_num_threads, options.graph_optimization_level, entries, settings))
        return real(model, options, **settings)

    monkeypatch.setattr(onnxruntime, "InferenceSession", noted)
    load_onnx_sentence_tagger(exported[2], threads=1)
    operator_times(exported[2], [TEXT], repeats=1, threads=1)
    served, profiled = sessions
    assert served == profiled


def test_nothing_of_the_profiler_is_left_behind(exported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    operator_times(exported[2], [TEXT], repeats=1, threads=1)
    assert list(tmp_path.iterdir()) == []


def event(name, start, microseconds, operator=None):
    """One line of the profiler's file."""
    category = "Node" if operator else "Session"
    arguments = {"op_name": operator} if operator else {}
    return {"cat": category, "name": name, "ts": start, "dur": microseconds, "ph": "X", "args": arguments}


def written(file, events, end="\n]\n"):
    file.write_text("[\n" + ",\n".join(map(json.dumps, events)) + end, "utf-8")
    return file


EVENTS = [
    event("session_initialization", 0, 900),
    event("a_kernel_time", 1010, 30, "MatMul"),
    event("b_kernel_time", 1050, 20, "Add"),
    event("c_kernel_time", 1075, 10, "MatMul"),
    event("model_run", 1000, 100),
    event("a_fence_before", 2005, 3, "MatMul"),
    event("a_kernel_time", 2010, 50, "MatMul"),
    event("b_kernel_time", 2070, 40, "Add"),
    event("c_kernel_time", 2120, 30, "MatMul"),
    event("model_run", 2000, 200),
]
"""Two runs: 40 and 80 µs of products, 20 and 40 of sums, 40 and 80 between."""


def test_the_kernels_of_a_run_are_added_up_by_operator(tmp_path):
    calls = onnx_profile._calls(onnx_profile._events(written(tmp_path / "events", EVENTS)), batches=1, expected=2)
    assert [(call.runs, dict(call.kernels)) for call in calls] == [
        (100, {"MatMul": 40, "Add": 20}),
        (200, {"MatMul": 80, "Add": 40}),
    ]
    found = onnx_profile._summary(calls, Latency(0.5, 0.6, (0.4, 0.6)), [(1, 9)])
    assert [tuple(row) for row in found.operators] == [
        ("MatMul", 2, pytest.approx(0.06), pytest.approx(12)),
        ("Add", 1, pytest.approx(0.03), pytest.approx(6)),
    ]
    assert found.between == pytest.approx(0.06) and found.outside == pytest.approx(np.median([0.3, 0.4]))


def test_runs_of_one_call_belong_together():
    (call,) = onnx_profile._calls(EVENTS, batches=2, expected=2)
    assert (call.runs, call.kernels["MatMul"], call.nodes["MatMul"]) == (300, 120, 4)
    found = onnx_profile._summary([call], Latency(1, 1, (1.0,)), [(1, 9), (1, 5)])
    assert nodes_of(found) == {"MatMul": 2, "Add": 1}  # of the graph, which ran twice


@pytest.mark.parametrize("cut", [5, 40, 150])
def test_a_file_that_was_cut_off_is_read_up_to_there_and_missed(tmp_path, cut):
    file = written(tmp_path / "events", EVENTS)
    file.write_text(file.read_text("utf-8")[:-cut], "utf-8")
    events = onnx_profile._events(file)
    assert events == EVENTS[: len(events)] and len(events) >= 8
    with pytest.raises(BenchmarkError, match="kept 1"):
        onnx_profile._calls(events, batches=1, expected=2)


def test_a_kernel_that_the_profiler_dropped_is_missed():
    with pytest.raises(BenchmarkError, match="not all of their kernels"):
        onnx_profile._calls(EVENTS[:-2] + EVENTS[-1:], batches=1, expected=2)
