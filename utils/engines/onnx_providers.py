"""A session on the provider that was named, or none.

Where the libraries of a provider are missing, ONNX Runtime computes on the CPU instead and says so in a log line at
most. Whoever compares providers must not time the CPU under another name: such a session is refused here.
"""

import functools
import importlib
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import onnxruntime

from utils.engines.onnx_session import session_options
from utils.measure.latency import THREADS

CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"

BEHIND = {TENSORRT: (CUDA,)}
"""Who takes the operators that a provider does not know; else, and after these, it is the CPU."""

SETTINGS = {CUDA: {"use_tf32": "0"}}
"""float32 with all of its bits: by default its products keep ten of the mantissa's 23."""

REMEDIES = {
    CUDA: "install requirements-gpu.txt, without the package onnxruntime, and a driver for its version of CUDA",
    TENSORRT: "install requirements-gpu.txt, without the package onnxruntime",
}

HEAVY = {"Attention", "Gelu", "Gemm", "LayerNormalization", "MatMul", "Softmax"}
"""Operators with nearly all of the work. The others decide on shapes and masks, and may be anywhere."""


class ProviderError(RuntimeError):
    """A provider that does not compute what it was given; the message names it, the reason and the remedy."""


def open_on(
    provider: str, graph: Path, told: Mapping[str, str] | None = None, threads: int = THREADS
) -> onnxruntime.InferenceSession:
    """A session whose work is done by this provider.

    Args:
        told: settings of the provider besides those of `SETTINGS`.
        threads: of what the CPU computes.

    Raises:
        ProviderError: this onnxruntime has no such provider, or it would leave the work to another one.
    """
    if provider not in onnxruntime.get_available_providers():
        raise _refused(provider, "the installed onnxruntime does not have it")
    _load_libraries()
    options = session_options(threads)
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    behind = [(name, SETTINGS.get(name, {})) for name in BEHIND.get(provider, ())]
    chain = [(provider, SETTINGS.get(provider, {}) | dict(told or {})), *behind]
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=chain, enable_fallback=0)
    except Exception as error:  # onnxruntime's exception classes share no public base
        raise _refused(provider, f"no session ({str(error).splitlines()[0]})") from None
    return _working(session, provider)


@functools.cache
def _load_libraries() -> None:
    """Into this process, from the packages beside onnxruntime: its own search knows the system's folders only."""
    onnxruntime.preload_dlls()
    with suppress(ImportError, OSError):
        importlib.import_module("tensorrt")


def _working(session: onnxruntime.InferenceSession, provider: str) -> onnxruntime.InferenceSession:
    """The session, if it has the provider and the provider has the work."""
    first = session.get_providers()[0]
    if first != provider:
        raise _refused(provider, f"its libraries were not found, or its device; {first} would compute instead")
    given = operators_by_provider(session)
    left = {name: sorted(HEAVY & operators.keys()) for name, operators in given.items() if name != provider}
    if any(left.values()):
        where = "; ".join(f"{', '.join(operators)} to {name}" for name, operators in left.items() if operators)
        raise _refused(provider, f"it leaves {where}")
    return session


def operators_by_provider(session: onnxruntime.InferenceSession) -> dict[str, Counter[str]]:
    """How often each operator of the graph was given to each provider, in a session of `open_on`."""
    found: dict[str, Counter[str]] = {}
    for part in session.get_provider_graph_assignment_info():
        found.setdefault(part.ep_name, Counter()).update(node.op_type for node in part.get_nodes())
    return found


def _refused(provider: str, reason: str) -> ProviderError:
    remedy = REMEDIES.get(provider)
    return ProviderError(f"{provider}: {reason}" + (f"; {remedy}" if remedy else ""))
