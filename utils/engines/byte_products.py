"""Does this CPU sum products of bytes without overflow? Found by trying, on a graph of one operator.

The graph is written here, field by field, so that a tagger need not load onnx. It is a protobuf message:
every field is its number and its type in one byte, then its value; text and messages inside messages come
after their length. The names and numbers are those of `onnx/onnx.proto`.

(Protocol Buffers, "Encoding": https://protobuf.dev/programming-guides/encoding/)
"""

import functools
from collections.abc import Mapping

import numpy as np
import onnxruntime

MODEL = {"ir_version": 1, "graph": 7, "opset_import": 8}
OPERATOR_SET = {"domain": 1, "version": 2}
GRAPH = {"node": 1, "name": 2, "input": 11, "output": 12}
NODE = {"input": 1, "output": 2, "op_type": 4}
VALUE = {"name": 1, "type": 2}
TYPE = {"tensor_type": 1}
TENSOR = {"elem_type": 1}

UINT8, INT8, INT32 = 2, 3, 6
"""Types of a tensor's numbers."""

Field = int | str | bytes | list[str] | list[bytes]


@functools.cache
def adds_exactly() -> bool:
    """Whether sums of products of unsigned and signed bytes are exact here.

    CPUs with VNNI have an instruction for it. On older ones two products are added in 16 bits, which do
    not hold the largest. (ONNX Runtime's configuration key `session.x64quantprecision`.)
    """
    session = onnxruntime.InferenceSession(product_graph(), providers=["CPUExecutionProvider"])
    largest = {"A": np.full((2, 4), 255, np.uint8), "B": np.full((4, 16), 127, np.int8)}
    return bool((session.run(["Y"], largest)[0] == 4 * 255 * 127).all())


def product_graph() -> bytes:
    """An ONNX model of one operator: int32 Y = uint8 A x int8 B."""
    product = message(NODE, input=["A", "B"], output=["Y"], op_type="MatMulInteger")
    inputs = [_value("A", UINT8), _value("B", INT8)]
    graph = message(GRAPH, node=product, name="product", input=inputs, output=_value("Y", INT32))
    return message(MODEL, ir_version=8, graph=graph, opset_import=message(OPERATOR_SET, domain="", version=10))


def _value(name: str, kind: int) -> bytes:
    tensor = message(TENSOR, elem_type=kind)
    return message(VALUE, name=name, type=message(TYPE, tensor_type=tensor))


def message(numbers: Mapping[str, int], **fields: Field) -> bytes:
    """A protobuf message.

    Args:
        numbers: each field's number, below 16.
        fields: numbers and lengths below 128, which fit one byte; a list repeats its field.
    """
    values = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
    return b"".join(_field(numbers[name], part) for name, parts in values.items() for part in parts)


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return bytes([number << 3, value])
    content = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(content)]) + content
