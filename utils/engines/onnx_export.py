"""TODO engines.onnx_export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from utils.engines.onnx_files import WEIGHTS, quiet, save_surroundings
from utils.tagger.tokenizer import CharacterTokenizer

if TYPE_CHECKING:
    from torch import Tensor

    from utils.model.raner import RanerModel

OPERATOR = "operator"
"""Name of the way to export attention as one operator."""


def export_onnx(model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path, attention: str = OPERATOR) -> Path:
    """Write a directory with `model.onnx` (float32, any batch and length) and all that a tagger needs.

    Inputs `input_ids`, `attention_mask`: int64 `(batch, length)`; output `emissions`: float32
    `(batch, length, tags)`. The mask says more than torch's: positions of a row that hold the same
    number see each other and nothing else. 1 for characters and 0 for padding is the plain case; with
    1, 2, ... several texts share a row (`utils.tagger.batching`), each counting its positions from its start.

    Args:
        attention: `operator` writes one `Attention` operator a layer (opset 23), however many heads the
            layer has left; `eager` writes its products, sum and softmax one by one.
    """
    from transformers import AttentionInterface

    path = save_surroundings(model, tokenizer, path)
    before = model.config._attn_implementation
    AttentionInterface.register(OPERATOR, _one_operator)
    model.set_attn_implementation(attention)
    try:
        with quiet():
            _export_graph(model.eval(), path / WEIGHTS)
    finally:
        model.set_attn_implementation(before)
    return path


def _one_operator(module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scaling: float, **_):
    """Attention of `(batch, heads, length, features)` as one ONNX operator: `(batch, length, heads, features)`."""
    import torch

    heads = query.shape[1]
    flat = [part.transpose(1, 2).flatten(2) for part in (query, key, value)]
    answer = torch.onnx.ops.attention(*flat, mask, q_num_heads=heads, kv_num_heads=heads, scale=scaling)[0]
    return answer.unflatten(2, (heads, -1)), None


def _export_graph(model: RanerModel, file: Path) -> None:
    import torch

    example = torch.zeros(2, 9, dtype=torch.int64), torch.ones(2, 9, dtype=torch.int64)
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        _emissions_only(model),
        example,
        input_names=["input_ids", "attention_mask"],
        output_names=["emissions"],
        dynamic_shapes={"input_ids": sizes, "attention_mask": sizes},
        opset_version=23,
        dynamo=True,
        verbose=False,
    )
    for node in program.model.graph:
        node.metadata_props.clear()  # stack traces: a tenth of a small file, and paths of this machine
    program.save(file, external_data=False)


def _emissions_only(model: RanerModel):
    import torch
    from torch import nn

    written_out = model.config._attn_implementation == "eager"
    lowest = torch.finfo(model.dtype).min

    class Emissions(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            same = attention_mask[:, :, None] == attention_mask[:, None, :]
            places = (same & torch.ones_like(same).tril(-1)).sum(-1)  # how many of the same text come before
            mask = torch.where(same, 0.0, lowest) if written_out else same
            hidden = self.model.bert(input_ids, attention_mask=mask[:, None], position_ids=places).last_hidden_state
            return self.model.classifier(hidden)

    return Emissions()
