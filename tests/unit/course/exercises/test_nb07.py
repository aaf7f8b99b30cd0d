"""The exercises of notebook 07 accept what is right and say what is wrong."""

from functools import partial

import numpy as np
import onnxruntime
import pytest
import torch

from utils.course.exercises import nb07 as exercises

SHAPES = ((1, 6), (3, 30))
FREE = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
NAMES = ["input_ids", "attention_mask"]


def furthest(encoder, file, shapes=SHAPES, padding=False):
    """Largest difference to torch, also at `padding`, or at text alone."""
    session, found = onnxruntime.InferenceSession(file), []
    for shape in shapes:
        ids, mask = exercises.random_batch(*shape)
        (answer,) = session.run(None, dict(zip(NAMES, (ids.numpy(), mask.numpy()), strict=True)))
        difference = np.abs(answer - encoder(ids, mask).detach().numpy())
        found.append(difference.max() if padding else difference[mask.numpy() == 1].max())
    return max(found)


def export(encoder, file, evaluated=True, names=NAMES, free=(FREE, FREE), dynamo=True, module=None):
    """The answer, and with other settings its mistakes."""
    encoder.train(not evaluated)
    example = torch.ones(2, 9, dtype=torch.int64), torch.ones(2, 9, dtype=torch.int64)
    settings = (
        {"dynamic_shapes": free[: len(names)]} if dynamo else {"dynamic_axes": dict.fromkeys(names, {0: "b", 1: "l"})}
    )
    torch.onnx.export(
        module(encoder) if module else encoder, example[: len(names)], file, input_names=names, dynamo=dynamo,
        verbose=False, **settings,
    )  # fmt: skip


def exporting(compare=furthest, **mistakes):
    def answer(encoder, file):
        export(encoder, file, **mistakes)
        return compare(encoder, file)

    return answer


class WithoutMask(torch.nn.Module):
    """Takes a mask and passes on another one, of ones."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids, attention_mask):
        return self.encoder(input_ids, torch.ones_like(attention_mask))


def nothing(encoder, file):
    return 0.0


def by_axis(encoder, file):
    """`dynamic_shapes` without the names of the inputs."""
    free = dict.fromkeys((0, 1), torch.export.Dim.DYNAMIC)
    torch.onnx.export(encoder.eval(), exercises.random_batch(2, 9), file, dynamic_shapes=free, dynamo=True)


BATCH_FREE = ({0: torch.export.Dim.DYNAMIC},) * 2
EXPORTS = {
    "length is fixed": exporting(nothing, free=BATCH_FREE),
    "the shape is fixed": exporting(free=BATCH_FREE),
    "batch size is fixed": exporting(nothing, free=({}, {})),
    "dropout is in the graph": exporting(nothing, evaluated=False),
    "one input": exporting(nothing, names=NAMES[:1]),
    "the inputs are called": exporting(nothing, names=["ids", "mask"]),
    "swapped": exporting(nothing, names=NAMES[::-1]),
    "the mask is ignored": exporting(nothing, module=WithoutMask),
    "at padding too": exporting(partial(furthest, padding=True)),
    "one shape or none": exporting(partial(furthest, shapes=[(2, 9)])),
    "a number": exporting(lambda encoder, file: None),
    "evaluation mode": exporting(lambda encoder, file: furthest(encoder.train(), file)),
    "no file": nothing,
    "stopped with TypeError": lambda encoder: None,
    "what is `dynamic_shapes`?": by_axis,
    "a function is expected": 1e-6,
}


@pytest.mark.parametrize("dynamo", [True, False])
def test_an_export_that_is_compared_is_right(dynamo):
    assert exercises.export_with_parity(exporting(dynamo=dynamo)) is None


@pytest.mark.parametrize("hint", EXPORTS)
def test_an_export_hears_what_is_wrong(hint):
    assert hint in exercises.export_with_parity(EXPORTS[hint])


def test_mask():
    checker = exercises.padded_mask
    right = np.array([[1, 1, 1, 1, 0, 0, 0], [1] * 7])
    assert checker(right) is None
    assert "padding takes part" in checker(np.ones((2, 7), int))
    assert "other way round" in checker(1 - right)
    assert "[CLS] and [SEP]" in checker(np.array([[0, 1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 0]]))
    assert "int64" in checker(right.astype(bool)) and "int64" in checker(right.astype(np.float32))
    assert "different lengths" in checker([[1, 1], [1]])
    assert "(2, 7)" in checker(right[0]) and checker(np.zeros((2, 7), int)) is not None
