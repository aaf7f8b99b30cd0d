"""Checkers of notebook 06 against answers known to be right, and against the mistakes that they name."""

import torch

from utils.compress.quantization.integers import dequantize_tensor, quantize_tensor
from utils.compress.quantization.storage import storage_plan
from utils.course.exercises import nb06 as exercises
from utils.model.anatomy import published_config
from utils.model.raner import RanerModel


def test_zero_point():
    quantized = quantize_tensor(torch.tensor([exercises.LOWEST, exercises.HIGHEST]), symmetric=False)
    checker = exercises.zero_point()
    assert checker(int(quantized.zero_point)) is None and checker(25) is None
    assert "symmetric" in checker(0) and "middle" in checker(128) and "signed" in checker(-103)
    assert "scale" in checker(0.02) and "above it" in checker(-25) and "*highest*" in checker(230)
    seven_bits = quantize_tensor(torch.tensor([exercises.LOWEST, exercises.HIGHEST]), bits=7, symmetric=False)
    assert "seven bits" in checker(int(seven_bits.zero_point))


def test_channel_scales():
    matrix = torch.tensor(exercises.MATRIX, dtype=torch.float32)
    right = quantize_tensor(matrix, axis=0)
    checker = exercises.channel_scales
    assert checker(right.scale) is None and checker([1 / 127, 4 / 127]) is None
    assert "*input*" in checker(quantize_tensor(matrix, axis=1).scale)
    assert "whole matrix" in checker(quantize_tensor(matrix).scale) and "twice" in checker([4 / 127.5] * 2)
    assert "absolute" in checker([0.4 / 127, 4 / 127]) and "affine" in checker([1.4 / 255, 4.5 / 255])
    assert "*both* signs" in checker([1 / 255, 4 / 255]) and "distance" in checker([1, 4])
    assert "list of numbers" in checker("a") and "2 scales" in checker([1, 2, 3])
    assert dequantize_tensor(right).shape == matrix.shape


def test_forgotten_table():
    with torch.device("meta"):
        model = RanerModel(published_config())
    plan = storage_plan(model, embeddings=False)
    checker, table = exercises.forgotten_table(plan), 4 * 21128 * 768
    numbers = sum(parameter.numel() for parameter in model.parameters())
    matrices = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    file = matrices + 4 * (numbers - matrices)
    assert checker(100 * table / file) is None
    assert "before" in checker(100 * table / (4 * numbers)) and "percent" in checker(table / file)
    assert "MB" in checker(table / 1e6) and "four bytes" in checker(25 * table / file)
    assert "position" in checker(100 * 4 * (21128 + 512 + 2 + 2) * 768 / file)
    assert "alone" in checker(100 * 4 * (numbers - matrices) / file)
    assert "whole file" in checker(100 * table / (4 * (numbers - matrices)))
