"""The graph that is written by hand is the one that onnx would write; its answer is what the CPU's flags say."""

import platform

import onnx
import pytest
from onnx import TensorProto, helper

from utils.engines.byte_products import adds_exactly, message, product_graph
from utils.measure.machine import VNNI, machine


def test_the_graph_is_what_onnx_itself_writes():
    kinds = {"A": TensorProto.UINT8, "B": TensorProto.INT8, "Y": TensorProto.INT32}
    a, b, y = (helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items())
    product = helper.make_node("MatMulInteger", ["A", "B"], ["Y"])
    graph = helper.make_graph([product], "product", [a, b], [y])
    expected = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=8)
    assert onnx.load_from_string(product_graph()) == expected


def test_a_message_is_number_type_length_and_content():
    """Protocol Buffers' own example: 150 aside, field 2 is the text `testing`."""
    assert message({"b": 2}, b="testing") == bytes.fromhex("12 07 74 65 73 74 69 6e 67")
    assert message({"a": 1, "c": 3}, a=5, c=[b"", b"x"]) == b"\x08\x05\x1a\x00\x1a\x01x"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="CPUs of other makes have other instructions")
def test_bytes_are_summed_exactly_where_the_cpu_has_the_instruction():
    assert adds_exactly() == bool({*VNNI} & {*machine()["flags"]})
