"""From torch to ONNX: the encoder and the classifier as a graph, its attention one operator a layer.

An exporter writes down what torch computes, operator by operator. Here it is told what attention is, so
that no optimiser has to find it again, and the mask is told what rows of several texts need.

(ONNX operator `Attention`, opset 23.)
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from utils.engines.onnx_files import GRAPH_FILE, quiet, save_surroundings
from utils.files import CheckpointError
from utils.model.modes import evaluating
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer

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

    Raises:
        CheckpointError: an INT8 model of torch, whose packed integers no graph can hold.
    """
    model = _in_float32(model)
    path = save_surroundings(model, tokenizer, path)
    with evaluating(model.modules()), attending_by(model, attention), quiet():
        zeros, ones = torch.zeros(2, 9, dtype=torch.int64), torch.ones(2, 9, dtype=torch.int64)
        write_graph(_Emissions(model), {"input_ids": zeros, "attention_mask": ones}, path / GRAPH_FILE)
    return path


def _in_float32(model: RanerModel) -> RanerModel:
    """The model, or a float32 copy of one that computes in fewer bits: engines lack kernels for those."""
    if not all(isinstance(tensor, Tensor) and not tensor.is_quantized for tensor in model.state_dict().values()):
        raise CheckpointError("an INT8 model is not exported: export the float32 one, then `quantize_onnx` the graph")
    whole = all(parameter.dtype == torch.float32 for parameter in model.parameters())
    return model if whole else copy.deepcopy(model).float()


@contextmanager
def attending_by(model: RanerModel, attention: str) -> Iterator[None]:
    """Attention as `export_onnx` may write it, while the context lasts."""
    AttentionInterface.register(OPERATOR, _one_operator)
    before = model.config._attn_implementation
    model.set_attn_implementation(attention)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def _one_operator(module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scaling: float, **_):
    """Attention of `(batch, heads, length, features)` as one ONNX operator: `(batch, length, heads, features)`."""
    heads = query.shape[1]
    flat = [part.transpose(1, 2).flatten(2) for part in (query, key, value)]
    answer = torch.onnx.ops.attention(*flat, mask, q_num_heads=heads, kv_num_heads=heads, scale=scaling)[0]
    return answer.unflatten(2, (heads, -1)), None


def write_graph(module: nn.Module, example: Mapping[str, Tensor], file: Path) -> None:
    """Write down what a module computes, for any batch and length.

    Args:
        module: its attribute `outputs` names what it returns.
        example: the inputs by name, in order, the first axes of each being batch and length.
    """
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        module,
        tuple(example.values()),
        input_names=list(example),
        output_names=list(module.outputs),
        dynamic_shapes=(sizes,) * len(example),
        opset_version=23,
        dynamo=True,
        verbose=False,
    )
    for node in program.model.graph:
        node.metadata_props.clear()  # stack traces: a tenth of a small file, and paths of this machine
    program.save(file, external_data=False)


class _Emissions(nn.Module):
    """What the graph computes: the model without its CRF, seeing and counting inside each number of the mask."""

    outputs = ("emissions",)

    def __init__(self, model: RanerModel):
        super().__init__()
        self.model = model
        self.written_out = model.config._attn_implementation == "eager"
        self.lowest = torch.finfo(model.dtype).min

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        same = attention_mask[:, :, None] == attention_mask[:, None, :]
        places = (same & torch.ones_like(same).tril(-1)).sum(-1)  # how many of the same text come before
        mask = torch.where(same, 0.0, self.lowest) if self.written_out else same
        hidden = self.model.bert(input_ids, attention_mask=mask[:, None], position_ids=places).last_hidden_state
        return self.model.classifier(hidden)
