"""What notebook 06 shows and asks: its pictures, its exercises."""

import numpy as np
import pytest
import torch

from utils.compress.quantization.integers import dequantize_tensor, quantize_tensor
from utils.compress.quantization.storage import storage_plan
from utils.course.exercises import nb06 as exercises
from utils.course.figures import nb06
from utils.measure.bootstrap import Difference
from utils.model.anatomy import published_config
from utils.model.raner import RanerModel
from utils.studies.sensitivity import PartDamage

RANDOM = np.random.default_rng(0)
DAMAGES = {
    "layer 1": PartDamage(Difference(-0.4, -1.2, 0.1, 0.3), 97.5, 1.5),
    "everything": PartDamage(Difference(0.0, 0.0, 0.0, 1.0), 100.0, 0.0),
}
PICTURES = {
    "rounding": lambda: nb06.rounding_figure(
        torch.ones(3, 5),
        {"a": RANDOM.normal(size=(3, 5)), "b": torch.zeros(3)},
        {"a": 0.3, "b": torch.tensor([[2], [1], [3]])},
    ),
    "sensitivity": lambda: nb06.sensitivity_figure(DAMAGES),
    "no damage": lambda: nb06.sensitivity_figure({"classifier": DAMAGES["everything"]}),
    "speed": lambda: nb06.speedup_figure({"一": {"1 thread": {32: 0.7, 500: 2.0}}, "b": {"1 thread": {500: 3.0}}}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_steps_are_sorted_and_one_for_all_is_a_level_line():
    shared, own = PICTURES["rounding"]().axes[2].lines
    assert list(shared.get_ydata()) == [0.3] * 3 and list(own.get_ydata()) == [1, 2, 3]


def test_the_first_part_stands_on_top_with_its_own_numbers():
    f1, changed, noise = PICTURES["sensitivity"]().axes
    assert [label.get_text() for label in f1.get_yticklabels()] == list(DAMAGES)
    assert f1.get_ylim()[0] > f1.get_ylim()[1], "from the top"
    points = next(line for line in f1.lines if line.get_marker() == "o")
    assert list(points.get_xdata()) == [-0.4, 0.0]
    assert [bar.get_width() for bar in changed.patches] == [2.5, 0.0]
    assert [bar.get_width() for bar in noise.patches] == [1.5, 0.0]


def test_every_panel_shows_where_float32_is():
    first, second = PICTURES["speed"]().axes
    for axes in (first, second):
        assert [1, 1] in [list(line.get_ydata()) for line in axes.lines] and axes.get_ylim()[0] == 0
    assert [0.7, 2.0] in [list(line.get_ydata()) for line in first.lines]


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
