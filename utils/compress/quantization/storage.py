"""What an INT8 file will hold, tensor by tensor: how many bytes, in which numbers, and why; found from shapes alone."""

from typing import NamedTuple

from torch import Tensor, nn

from utils.model.raner import RanerModel

CHARACTERS = "bert.embeddings.word_embeddings"
"""The character table: most of the parameters outside the encoder."""


class Stored(NamedTuple):
    """How one tensor will lie in the file: how many numbers, bytes, `int8` or `float32`, and why."""

    name: str
    numbers: int
    bytes: int
    kind: str
    reason: str


def storage_plan(model: RanerModel, embeddings: bool = True) -> list[Stored]:
    """What `quantize(model, embeddings)` will store for each parameter, found by looking at shapes alone.

    A model on the meta device will do. A quantised matrix has one scale for all of it, which is no
    tensor; the character table has a float32 scale and zero point a row. File headers are not counted.
    """
    matrices = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    table = {f"{CHARACTERS}.weight"} if embeddings else set()
    return [_stored(name, p, matrices, table) for name, p in model.named_parameters()]


def _stored(name: str, parameter: Tensor, matrices: set[str], table: set[str]) -> Stored:
    numbers = parameter.numel()
    if name in matrices:
        return Stored(name, numbers, numbers, "int8", "a matrix of a linear layer")
    if name in table:
        return Stored(name, numbers, numbers + 8 * len(parameter), "int8", "named in the recipe")
    return Stored(name, numbers, 4 * numbers, "float32", _why_float(name))


def _why_float(name: str) -> str:
    if "_embeddings." in name:
        return "looked up, not multiplied: no linear layer"
    if "LayerNorm" in name:
        return "no matrix: LayerNorm is computed in float32"
    if name.startswith("crf."):
        return "the CRF decodes outside the network"
    return "a bias is added after the product"
