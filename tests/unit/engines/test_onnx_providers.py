"""A session runs on the provider that was named, or there is none."""

from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from graphs import inputs

from utils.engines import onnx_providers
from utils.engines.onnx_files import GRAPH_FILE, operator_counts
from utils.engines.onnx_providers import (
    BEHIND,
    CPU,
    CUDA,
    HEAVY,
    TENSORRT,
    ProviderError,
    open_on,
    operators_by_provider,
)
from utils.engines.onnx_session import onnx_backend
from utils.model.torch_tagger import torch_backend


@pytest.fixture
def graph(exported):
    return exported[2] / GRAPH_FILE


def test_on_the_cpu_it_answers_as_torch(exported, graph):
    session = open_on(CPU, graph, threads=1)
    ids, mask = inputs(exported[0].config.vocab_size, 2, 30)
    difference = onnx_backend(session)(ids, mask) - torch_backend(exported[0])(ids, mask)
    assert np.abs(difference[mask == 1]).max() < 1e-4
    assert session.get_session_options().intra_op_num_threads == 1


def test_operators_are_counted_where_they_are(exported, graph):
    given = operators_by_provider(open_on(CPU, graph))
    assert given.keys() == {CPU}
    counted = operator_counts(exported[2])
    for heavy in ("Attention", "LayerNormalization"):
        assert given[CPU][heavy] == counted[heavy] > 0


@pytest.mark.parametrize("graph_of", ["exported", "written_out"])
def test_the_heavy_operators_are_those_of_the_graphs(request, exported, graph_of):
    path = exported[2] if graph_of == "exported" else request.getfixturevalue(graph_of)
    assert {"MatMul", "LayerNormalization", "Gelu"} <= HEAVY & operator_counts(path).keys()
    assert HEAVY & operator_counts(path).keys() & {"Attention", "Softmax"}


@pytest.mark.parametrize("provider", [CUDA, TENSORRT])
def test_a_provider_that_is_not_there_is_named_with_the_remedy(graph, provider, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    with pytest.raises(ProviderError, match=f"{provider}.*does not have it.*requirements-gpu.txt"):
        open_on(provider, graph)


def test_a_silent_fall_back_is_refused(graph, monkeypatch):
    """A build for GPUs where no library of CUDA is found: ONNX Runtime offers the provider, and takes the CPU."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    with (
        pytest.warns(UserWarning, match="not in available provider names"),
        pytest.raises(ProviderError, match=f"{CUDA}.*{CPU} would compute instead.*requirements-gpu.txt"),
    ):
        open_on(CUDA, graph)


def test_a_session_that_cannot_be_made_is_refused(tmp_path):
    broken = tmp_path / GRAPH_FILE
    broken.write_bytes(b"no graph")
    with pytest.raises(ProviderError, match=f"{CPU}: no session"):
        open_on(CPU, broken)


class Session:
    """As ONNX Runtime would answer: `given` is provider -> operators."""

    def __init__(self, given, providers):
        self.given, self.providers = given, providers

    def get_providers(self):
        return self.providers

    def get_provider_graph_assignment_info(self):
        for name, operators in self.given.items():
            nodes = [SimpleNamespace(op_type=operator) for operator in operators]
            yield SimpleNamespace(ep_name=name, get_nodes=lambda nodes=nodes: nodes)


@pytest.fixture
def gpu(monkeypatch):
    """A computer with both providers of a GPU, where ONNX Runtime distributes the operators like this."""

    def build(given):
        opened = []

        def session(graph, options, providers, enable_fallback):
            opened.append((providers, enable_fallback))
            return Session(given, [name for name, _ in providers] + [CPU])

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
        monkeypatch.setattr(onnxruntime, "InferenceSession", session)
        monkeypatch.setattr(onnx_providers, "_load_libraries", lambda: None)
        return opened

    return build


@pytest.mark.parametrize("provider", [CUDA, TENSORRT])
def test_light_operators_may_be_elsewhere(graph, gpu, provider):
    opened = gpu({provider: ["MatMul", "Attention"], CPU: ["Shape", "Gather"]})
    assert open_on(provider, graph, {"a": "b"}).get_providers()[0] == provider
    ((chain, enable_fallback),) = opened
    assert [name for name, _ in chain] == [provider, *BEHIND.get(provider, ())] and not enable_fallback
    assert dict(chain)[CUDA].items() >= {"use_tf32": "0"}.items() and chain[0][1].items() >= {"a": "b"}.items()
    assert len(dict(chain)[CUDA]) == (2 if provider == CUDA else 1)


def test_heavy_operators_must_not(graph, gpu):
    gpu({TENSORRT: ["MatMul"], CUDA: ["Softmax", "Gelu", "Shape"], CPU: ["Shape"]})
    with pytest.raises(ProviderError, match=f"{TENSORRT}: it leaves Gelu, Softmax to {CUDA};"):
        open_on(TENSORRT, graph)
