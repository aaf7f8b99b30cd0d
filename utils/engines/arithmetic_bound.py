"""How fast could an INT8 graph be, if a CPU did nothing but its products? Operations over the measured peak.

Such a graph has products of two kinds. Those with a weight multiply bytes. The scores of attention, and the sums of
values that they weigh, have no weight, and stay float32. Each kind has its own peak: the best rate that ONNX Runtime
reaches here in a product alone. All else (softmax, normalisation, quantising) counts as nothing.

(Counted work over a measured peak: Williams et al. 2009, "Roofline: An Insightful Visual Performance Model for
Multicore Architectures", where it is arithmetic and not memory that limits.)
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import DTypeLike
from onnx import helper, numpy_helper
from transformers import BertConfig

from utils.compress.pruning.cost import attention_products, predict_cost
from utils.engines.onnx_session import open_session
from utils.measure.latency import THREADS, Rounds, measure_latency
from utils.model.pruned_shape import pruning_map

Shape = tuple[int, int, int]
"""Rows, inputs and outputs of a product."""

PRODUCTS: tuple[Shape, ...] = ((512, 768, 3072), (512, 3072, 768), (512, 1024, 4096), (1024, 1024, 4096))
"""What is tried: the feed-forward network of BERT, base and large, on a page of text, and on two."""

ROUNDS = Rounds(25)
"""The fastest of so many counts: a peak is what can be reached, not what is usual."""


class Bound(NamedTuple):
    """The least ms that a call can take: for its products of bytes, and for those in float32."""

    bytes: float
    floats: float

    @property
    def milliseconds(self) -> float:
        return self.bytes + self.floats


def arithmetic_bound(
    config: BertConfig, shapes: Sequence[tuple[int, int]], byte_peak: float, float_peak: float
) -> Bound:
    """Multiply-adds of the model that `config` describes, pruned or not, over the peaks.

    Args:
        shapes: `(rows, positions)` of each batch, padding included, as in `utils.engines.onnx_profile`.
        byte_peak, float_peak: GOP/s, as the functions of these names measure them.
    """
    kept = pruning_map(config)
    every = sum(rows * predict_cost(config, kept, positions).multiply_adds for rows, positions in shapes)
    floats = sum(rows * attention_products(config, kept, positions) for rows, positions in shapes)
    return Bound(_milliseconds(every - floats, byte_peak), _milliseconds(floats, float_peak))


def _milliseconds(multiply_adds: int, peak: float) -> float:
    return 2 * multiply_adds / (1e6 * peak)


def byte_peak(threads: int = THREADS) -> float:
    """The highest rate of products of unsigned by signed bytes, in GOP/s; a multiply-add is two operations.

    `quantize_onnx` writes such products as `MatMulInteger`. When ONNX Runtime loads the graph, it joins each with what
    stands around it to a `DynamicQuantizeMatMul` or a `MatMulIntegerToFloat`. The product in them is the same.
    """
    return _peak("MatMulInteger", np.uint8, np.int8, threads)


def float_peak(threads: int = THREADS) -> float:
    """The same of float32 numbers."""
    return _peak("MatMul", np.float32, np.float32, threads)


def _peak(operator: str, left: DTypeLike, right: DTypeLike, threads: int) -> float:
    with TemporaryDirectory() as place:
        products = {shape: _product(Path(place), operator, shape, left, right, threads) for shape in PRODUCTS}
        latencies = measure_latency(products, ROUNDS)
    return max(2 * math.prod(shape) / (1e6 * min(latency.samples)) for shape, latency in latencies.items())


def _product(
    place: Path, operator: str, shape: Shape, left: DTypeLike, right: DTypeLike, threads: int
) -> Callable[[], object]:
    """A call that multiplies numbers by a weight, by a session like those that taggers have."""
    rows, inputs, outputs = shape
    draw = np.random.default_rng(0)
    weight = numpy_helper.from_array(draw.integers(0, 128, (inputs, outputs)).astype(right), "weight")
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(left))
    given = helper.make_tensor_value_info("numbers", kind, (rows, inputs))
    answer = helper.make_empty_tensor_value_info("product")
    node = helper.make_node(operator, ["numbers", "weight"], ["product"])
    graph = helper.make_graph([node], operator, [given], [answer], [weight])
    file = place / f"{operator}-{rows}-{inputs}-{outputs}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), file)
    numbers = draw.integers(0, 256, (rows, inputs)).astype(left)
    return partial(open_session(file, threads).run, None, {"numbers": numbers})
