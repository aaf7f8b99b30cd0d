"""What is wrong with an exported model, said before it is measured or shipped.

Every check looks for something that raises no error: the model runs, answers, and is larger or
slower than it need be.
"""

import json
import math
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import onnx
from onnx import TensorProto

from utils.engines.onnx_files import GRAPH_FILE, operator_counts, quiet
from utils.files import CheckpointError
from utils.measure.machine import INT8_FLAGS, machine
from utils.measure.memory import MB

SHARE = 0.01
"""A float tensor is worth a word from this share of the file on."""

INTEGER_OPERATORS = {
    "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "QuantizeLinear",
    "QLinearMatMul", "QGemm", "QAttention",
}  # fmt: skip

FUSED_ATTENTION = {"Attention", "MultiHeadAttention", "QAttention"}

SLOW_OPERATORS = {"SkipLayerNormalization", "BiasGelu"}
"""What the fusions in `utils.engines.onnx_session.SLOW_FUSIONS` leave in a graph."""


class GraphFinding(NamedTuple):
    """`what` was found, `why` it matters, and the `remedy`."""

    what: str
    why: str
    remedy: str


class Exported(NamedTuple):
    """A directory, read: its graph, operators, heads left in each layer (None if nothing was pruned), CPU flags."""

    graph: onnx.GraphProto
    operators: Collection[str]
    heads: list[int] | None
    flags: Collection[str]

    @property
    def quantized(self) -> bool:
        return bool(INTEGER_OPERATORS & set(self.operators))


def check_graph(path: str | Path, flags: Collection[str] | None = None) -> list[GraphFinding]:
    """Everything that is suspicious about an ONNX directory; an empty list is a clean bill.

    Args:
        flags: CPU features, by default those of this machine.

    Raises:
        CheckpointError: no graph there, or none that can be read.
    """
    file = Path(path) / GRAPH_FILE
    try:
        graph = onnx.load(file, load_external_data=False).graph
    except Exception as error:  # protobuf's own exception class differs between its builds
        raise CheckpointError(f"{file}: not an ONNX graph ({type(error).__name__})") from None
    heads = json.loads((Path(path) / "config.json").read_text("utf-8")).get("kept_heads")
    model = Exported(
        graph, operator_counts(path), heads and [*map(len, heads)], machine()["flags"] if flags is None else flags
    )
    return [finding for check in CHECKS for finding in check(model)]


def _float_tensors(model: Exported) -> Iterator[GraphFinding]:
    total = model.graph.ByteSize()
    large = {t.name: _bytes(t) for t in model.graph.initializer if t.data_type == TensorProto.FLOAT}
    large = {name: size for name, size in large.items() if size > SHARE * total}
    if large and model.quantized:
        names = ", ".join(f"{name} ({size / MB:.1f} MB)" for name, size in sorted(large.items(), key=lambda x: -x[1]))
        yield GraphFinding(
            f"{len(large)} large tensors are still float32, {sum(large.values()) / MB:.1f} MB: {names}",
            "they take four bytes a number",
            "quantise embeddings too: quantize_onnx(..., embeddings=True)",
        )
    elif large:
        yield GraphFinding(
            f"nothing is quantised: {sum(large.values()) / MB:.1f} MB of float32 tensors",
            "INT8 takes a quarter of the bytes, and less time where the CPU has instructions for it",
            "quantize_onnx or quantize_onnx_static",
        )


def _bytes(tensor: TensorProto) -> int:
    return 4 * math.prod(tensor.dims)


def _unfused_attention(model: Exported) -> Iterator[GraphFinding]:
    products = [node for node in model.graph.node if node.op_type == "Softmax"]
    if products and not FUSED_ATTENTION & set(model.operators):
        yield GraphFinding(
            f"attention is written out: {len(products)} Softmax, no Attention operator",
            "scores, mask and softmax are written to memory one after the other; optimisers that look for the "
            "pattern may fuse no attention, and do not say so",
            'export_onnx(..., attention="operator")',
        )


def _uneven_heads(model: Exported) -> Iterator[GraphFinding]:
    if model.heads and len(set(model.heads)) > 1 and not FUSED_ATTENTION & set(model.operators):
        yield GraphFinding(
            f"layers have different numbers of heads: {', '.join(map(str, model.heads))}",
            "an optimiser that takes one number of heads for the whole network cannot fuse them",
            'export_onnx(..., attention="operator"): its Attention operator carries its own number of heads',
        )


def _slow_fusion(model: Exported) -> Iterator[GraphFinding]:
    if slow := sorted(SLOW_OPERATORS & set(model.operators)):
        yield GraphFinding(
            f"fused operators with slow kernels are written into the graph: {', '.join(slow)}",
            "on a CPU, ONNX Runtime runs them slower than the operators that they replace, and a graph that holds "
            "them cannot be unfused when it is loaded",
            "fuse with optimize_onnx, which leaves these fusions out",
        )


def _unsigned_weights(model: Exported) -> Iterator[GraphFinding]:
    looked_up = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    unsigned = [
        t.name
        for t in model.graph.initializer
        if t.data_type == TensorProto.UINT8 and len(t.dims) > 1 and t.name not in looked_up
    ]
    if unsigned:
        yield GraphFinding(
            f"{len(unsigned)} weight matrices are unsigned, the first is {unsigned[0]}",
            "VNNI multiplies unsigned activations by signed weights; unsigned weights take a slower way",
            "quantize_onnx(..., signed=True)",
        )


def _no_integer_instructions(model: Exported) -> Iterator[GraphFinding]:
    if model.quantized and not set(INT8_FLAGS) & set(model.flags):
        yield GraphFinding(
            f"this CPU has none of {', '.join(sorted(INT8_FLAGS))}",
            "8-bit products take several instructions each; INT8 can be slower than float32, and sums can "
            "overflow 16 bits",
            "measure before shipping; keep INT8 for its size, or use another CPU",
        )


CHECKS: tuple[Callable[[Exported], Iterator[GraphFinding]], ...] = (
    _float_tensors, _unfused_attention, _uneven_heads, _slow_fusion, _unsigned_weights, _no_integer_instructions,
)  # fmt: skip


def fused_by_pattern(path: str | Path, heads: int, hidden_size: int) -> dict[str, int]:
    """What ONNX Runtime's BERT optimiser fuses in an exported graph by looking for known patterns.

    Args:
        heads, hidden_size: what its documentation wants to be told; 0 and 0 let it guess.

    Returns:
        Fused operator -> how many there are afterwards, those of which there is none included.
    """
    from onnxruntime.transformers.optimizer import optimize_model

    graph = str(Path(path) / GRAPH_FILE)
    with quiet():
        optimized = optimize_model(graph, "bert", num_heads=heads, hidden_size=hidden_size, opt_level=0)
        return optimized.get_fused_operator_statistics()
