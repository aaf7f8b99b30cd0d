"""Bytes are predicted tensor by tensor, and what stays float says why."""

import pytest
import torch
from int8_models import PRUNED
from tiny_models import random_raner

from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.storage import CHARACTERS, storage_plan


def bytes_by_parameter(model):
    """Bytes of all tensors of a quantised model, under the names of the float parameters."""
    found = {}
    for name, value in model.state_dict().items():
        if isinstance(value, torch.dtype):
            continue
        parts = value if isinstance(value, tuple) else (value,)
        base = name.replace("._packed_params._packed_params", "").replace("._packed_params._packed_weight", ".weight")
        names = [f"{base}.weight", f"{base}.bias"] if isinstance(value, tuple) else [base]
        for one, tensor in zip(names, parts, strict=True):
            found[one] = tensor.numel() * tensor.element_size()
            if tensor.is_quantized and tensor.qscheme() != torch.per_tensor_affine:
                scales, zeros = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
                found[one] += scales.numel() * scales.element_size() + zeros.numel() * zeros.element_size()
    return {name: size for name, size in found.items() if not name.endswith((".scale", ".zero_point"))}


@pytest.mark.parametrize("embeddings", [True, False])
@pytest.mark.parametrize("name", ["whole", *PRUNED])
def test_bytes_are_predicted_tensor_by_tensor(name, embeddings):
    model = random_raner() if name == "whole" else PRUNED[name][0]
    plan = {stored.name: stored.bytes for stored in storage_plan(model, embeddings)}
    assert plan == bytes_by_parameter(quantize(model, embeddings))


def test_the_plan_says_what_stays_float_and_why():
    plan = {stored.name: stored for stored in storage_plan(random_raner(), embeddings=False)}
    assert plan["classifier.weight"].kind == "int8"
    for name, reason in {
        f"{CHARACTERS}.weight": "looked up",
        "bert.embeddings.position_embeddings.weight": "looked up",
        "bert.encoder.layer.0.output.LayerNorm.weight": "LayerNorm",
        "bert.encoder.layer.0.output.dense.bias": "bias",
        "crf.transitions": "CRF",
    }.items():
        assert plan[name].kind == "float32" and reason in plan[name].reason
    assert storage_plan(random_raner())[0].kind == "int8", "named in the recipe"
