"""A network with exits as one graph a stretch: what is between two exits, each in a directory of its own.

The first takes ids and gives hidden states and emissions, each later one takes the hidden states that the one before
gave. Between two runs the sentences that are certain enough leave (`utils.tagger.exits`); a graph alone could not say
so, or only with control flow that no engine optimises across.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from utils.engines.onnx_export import attending_by, write_graph
from utils.engines.onnx_files import GRAPH_FILE, quiet, save_surroundings, tagger_around
from utils.engines.onnx_quantize import quantize_onnx
from utils.engines.onnx_session import open_session
from utils.engines.subnormals import flushed
from utils.measure.latency import THREADS
from utils.model.exit_head import ExitHead, embedded, through
from utils.model.modes import evaluating
from utils.model.raner import RanerModel
from utils.tagger.decoding import Decoder
from utils.tagger.exits import Exit, ExitTagger, Stretch
from utils.tagger.tokenizer import CharacterTokenizer


def export_exits(model: RanerModel, heads: Sequence[ExitHead], tokenizer: CharacterTokenizer, path: str | Path) -> Path:
    """Write a directory with one directory `0`, `1`, ... for each exit, the model's own end the last.

    Each holds a graph and what `export_onnx` writes beside one, the CRF being that of the exit. Inputs are `input_ids`
    (of the first) or `states` `(batch, length, features)` float32, and `attention_mask`, 1 for pieces and 0 for
    padding; outputs `hidden` and `emissions`.

    Args:
        heads: in the order of their layers, all before the model's last.
    """
    ends = [*[head.layer for head in heads], model.config.num_hidden_layers]
    starts = [0, *ends[:-1]]
    answering = [*heads, model]
    for number, (start, end, head) in enumerate(zip(starts, ends, answering, strict=True)):
        folder = save_surroundings(model, tokenizer, Path(path) / str(number), head.crf)
        with evaluating(model.modules()), attending_by(model, "operator"), quiet():
            write_graph(_StretchGraph(model, head.classifier, start, end), _example(model, start), folder / GRAPH_FILE)
    return Path(path)


def _example(model: RanerModel, start: int) -> dict[str, Tensor]:
    """Inputs by name, of two texts of nine positions."""
    mask = torch.ones(2, 9, dtype=torch.int64)
    if start:
        return {"states": torch.zeros(2, 9, model.config.hidden_size), "attention_mask": mask}
    return {"input_ids": torch.zeros_like(mask), "attention_mask": mask}


class _StretchGraph(nn.Module):
    """Layers from `start` on and before `end`, and a classifier on what comes out."""

    outputs = "hidden", "emissions"

    def __init__(self, model: RanerModel, classifier: nn.Module, start: int, end: int):
        super().__init__()
        self.model, self.classifier, self.start, self.end = model, classifier, start, end

    def forward(self, inputs: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        hidden = inputs if self.start else embedded(self.model, inputs)
        mask = (attention_mask > 0)[:, None, None].expand(-1, 1, inputs.shape[1], -1)
        hidden = through(self.model, hidden, mask, self.start, self.end)
        return hidden, self.classifier(hidden)


def quantize_exits(source: str | Path, path: str | Path) -> Path:
    """Dynamic INT8 of each graph that `export_exits` wrote, as `quantize_onnx` makes it."""
    for folder in sorted(Path(source).iterdir()):
        quantize_onnx(folder, Path(path) / folder.name)
    return Path(path)


def load_exit_tagger(path: str | Path, threshold: float, threads: int = THREADS) -> ExitTagger:
    """A tagger on what `export_exits` or `quantize_exits` wrote; threshold as in `ExitTagger`.

    Raises:
        CheckpointError: a file is missing or broken.
    """
    exits = []
    for folder in sorted(Path(path).iterdir()):
        stretch = _stretch(open_session(folder / GRAPH_FILE, threads))
        tagger = tagger_around(stretch, folder)
        exits.append(Exit(stretch, Decoder(tagger.labels, tagger.crf, tagger.temperature)))
    return ExitTagger(exits, tagger.tokenizer, threshold, tagger.limit, tagger.eight_bits)


def _stretch(session: onnxruntime.InferenceSession) -> Stretch:
    (first,) = {node.name for node in session.get_inputs()} - {"attention_mask"}

    @flushed()
    def run(inputs: np.ndarray, attention_mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return tuple(session.run(["hidden", "emissions"], {first: inputs, "attention_mask": attention_mask}))

    return run
