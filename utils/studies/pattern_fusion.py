"""The other way to one `Attention` operator a layer: written out by torch's older exporter, then found by a search.

ONNX Runtime's tool for BERT knows the pattern that this exporter, TorchScript's, writes; in what the new one
writes it finds no attention, whatever the mask. torch calls the older one deprecated, and the tool has to be told
the number of heads, one for the whole network.

(onnxruntime.transformers.optimizer, `model_type="bert"`.)
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from utils.engines.onnx_files import GRAPH_FILE, copy_surroundings, quiet, save_surroundings
from utils.model.modes import evaluating
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer


def export_as_torchscript(model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path) -> Path:
    """A directory as `export_onnx` writes it, its attention written out; the mask is plain: 1 and 0."""
    path = save_surroundings(model, tokenizer, path)
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        with evaluating(model.modules()), quiet():
            _trace(model, path / GRAPH_FILE)
    finally:
        model.set_attn_implementation(before)
    return path


def _trace(model: RanerModel, file: Path) -> None:
    names, free = ["input_ids", "attention_mask"], {0: "batch", 1: "length"}
    torch.onnx.export(
        _Emissions(model),
        (torch.zeros(2, 9, dtype=torch.int64), torch.ones(2, 9, dtype=torch.int64)),
        file,
        input_names=names,
        output_names=["emissions"],
        dynamic_axes=dict.fromkeys([*names, "emissions"], free),
        opset_version=17,
        dynamo=False,
    )


class _Emissions(nn.Module):
    """The model without its CRF, as transformers computes it: with a mask of its own making."""

    def __init__(self, model: RanerModel):
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.model.classifier(self.model.bert(input_ids, attention_mask=attention_mask).last_hidden_state)


def fuse_by_pattern(source: str | Path, path: str | Path, heads: int, hidden_size: int) -> Path:
    """What ONNX Runtime's BERT optimiser makes of an exported graph, written to a directory of its own.

    Args:
        heads, hidden_size: of the whole network; the tool wants to be told.
    """
    from onnxruntime.transformers.optimizer import optimize_model

    source, path = Path(source), copy_surroundings(source, path)
    with quiet():
        found = optimize_model(str(source / GRAPH_FILE), "bert", num_heads=heads, hidden_size=hidden_size, opt_level=0)
        found.save_model_to_file(str(path / GRAPH_FILE))
    return path
