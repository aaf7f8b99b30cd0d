"""The hand-written pair against torch's integers, and the bound on its error for any tensor."""

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.ao.quantization import MinMaxObserver, PerChannelMinMaxObserver

from utils.compress.quantization.integers import dequantize_tensor, quantize_tensor

SCHEMES = {
    (True, None): (torch.qint8, torch.per_tensor_symmetric),
    (False, None): (torch.quint8, torch.per_tensor_affine),
    (True, 0): (torch.qint8, torch.per_channel_symmetric),
    (False, 1): (torch.quint8, torch.per_channel_affine),
}
FLOATS = st.floats(-1e6, 1e6, width=32)
MATRICES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(FLOATS, min_size=width, max_size=width), min_size=1, max_size=5)
)


def by_torch(values, symmetric, axis):
    """Scale, zero point and integers of torch's own observer and quantiser."""
    dtype, scheme = SCHEMES[symmetric, axis]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if axis is None:
            observer = MinMaxObserver(dtype=dtype, qscheme=scheme)
            observer(values)
            scale, zero = observer.calculate_qparams()
            return scale, zero, torch.quantize_per_tensor(values, scale.item(), zero.item(), dtype).int_repr()
        observer = PerChannelMinMaxObserver(ch_axis=axis, dtype=dtype, qscheme=scheme)
        observer(values)
        scale, zero = observer.calculate_qparams()
        return scale, zero, torch.quantize_per_channel(values, scale, zero, axis, dtype).int_repr()


@pytest.mark.parametrize("spread", [1e-3, 1.0, 300.0])
@pytest.mark.parametrize(("symmetric", "axis"), SCHEMES)
def test_integers_are_those_of_torch(symmetric, axis, spread):
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(64, 50, generator=generator) * spread + spread / 3
    found = quantize_tensor(values, symmetric=symmetric, axis=axis)
    scale, zero, integers = by_torch(values, symmetric, axis)
    assert torch.equal(found.scale.flatten(), scale) and torch.equal(found.zero_point.flatten(), zero.int())
    assert torch.equal(found.integers, integers.int())


@given(MATRICES, st.integers(2, 12), st.booleans(), st.sampled_from([None, 0, 1, -1]))
def test_no_value_moves_more_than_half_a_step(rows, bits, symmetric, axis):
    values = torch.tensor(rows, dtype=torch.float32)
    quantized = quantize_tensor(values, bits, symmetric, axis)
    slack = 1e-6 * values.abs().max()
    assert ((dequantize_tensor(quantized) - values).abs() <= quantized.scale / 2 + slack).all()
    lowest = -(2 ** (bits - 1)) if symmetric else 0
    assert quantized.integers.min() >= lowest and quantized.integers.max() < lowest + 2**bits


@given(MATRICES, st.booleans(), st.sampled_from([None, 0, 1]))
def test_zero_stays_exactly_zero(rows, symmetric, axis):
    values = torch.tensor([*rows, [0.0] * len(rows[0])])
    assert (dequantize_tensor(quantize_tensor(values, symmetric=symmetric, axis=axis))[-1] == 0).all()


def test_a_grid_of_one_channel_does_not_see_the_others():
    values = torch.tensor([[0.01, -0.02], [100.0, 50.0]])
    together, apart = quantize_tensor(values), quantize_tensor(values, axis=0)
    assert together.integers[0].tolist() == [0, 0], "the large row leaves the small one no step"
    assert apart.integers[0].tolist() == quantize_tensor(values[:1]).integers[0].tolist() == [64, -128]
    assert apart.scale.shape == (2, 1) and quantize_tensor(values, axis=1).scale.shape == (1, 2)


def test_affine_is_twice_as_fine_where_all_have_one_sign():
    values = torch.rand(100, generator=torch.Generator().manual_seed(0))
    assert quantize_tensor(values, symmetric=False).scale == pytest.approx(
        quantize_tensor(values, symmetric=True).scale / 2, rel=1e-6
    )


def test_zeros_and_constants_have_a_grid():
    assert (dequantize_tensor(quantize_tensor(torch.zeros(3))) == 0).all()
    assert dequantize_tensor(quantize_tensor(torch.full((3,), 5.0), symmetric=False)).tolist() == [5.0] * 3


@pytest.mark.parametrize(
    ("values", "bits"), [(torch.ones(2), 1), (torch.ones(2), 17), (torch.ones(0), 8), (torch.tensor([1, torch.nan]), 8)]
)
def test_what_has_no_grid_is_refused(values, bits):
    with pytest.raises(ValueError, match="finite"):
        quantize_tensor(values, bits)


def test_a_vector_has_no_channels():
    with pytest.raises(ValueError, match="vector"):
        quantize_tensor(torch.ones(3), axis=0)
