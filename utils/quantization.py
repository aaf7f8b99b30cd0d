"""Dynamic INT8 with torch: weights stored as 8-bit integers, activations quantised as they arrive.

A linear layer computes y = s_w s_x (q_w (q_x - z_x)) + b in integers: q_w is fixed ahead with one
scale s_w a matrix, q_x with scale s_x and zero point z_x from the range of each input (Jacob et al.
2018, section 2; "dynamic" because no calibration data fixes that range ahead). On x86 torch gives q_x
seven bits, so that sums of products cannot overflow. Embeddings are looked up, not multiplied: they
shrink only if told to.

`torch.ao.quantization` is torch's working CPU path and announces its removal on every call; the
announcement is muted here, in one place. Its successor is torchao.
"""

import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.ao.nn import quantized as int8_modules
from torch.ao.quantization import default_dynamic_qconfig, float_qparams_weight_only_qconfig, quantize_dynamic
from transformers import BertConfig

from utils.characters import CharacterTokenizer
from utils.files import CheckpointError
from utils.raner import RanerModel, read_config, restore_buffers, save_description
from utils.tagger import Tagger, torch_tagger

WEIGHTS = "model.int8.pt"


@contextmanager
def _muted_deprecation() -> Iterator[None]:
    with warnings.catch_warnings():
        for category in (DeprecationWarning, UserWarning):
            warnings.filterwarnings("ignore", category=category, module=r"torch|utils\.quantization")
        yield


def quantize(model: RanerModel, embeddings: bool = True) -> RanerModel:
    """A copy with INT8 linear layers and, with `embeddings`, an 8-bit character table.

    The CRF, LayerNorms, position and type embeddings and all biases stay float32.
    """
    recipe = {nn.Linear: default_dynamic_qconfig}
    if embeddings:
        recipe["bert.embeddings.word_embeddings"] = float_qparams_weight_only_qconfig
    with _muted_deprecation():
        quantized = quantize_dynamic(model.eval(), recipe)
    quantized.config.quantized_embeddings = embeddings
    return quantized


def save_quantized(model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path) -> Path:
    """Write a quantised model. `save_pretrained` cannot: packed INT8 weights are no plain tensors."""
    path = save_description(model.config, tokenizer, path)
    with _muted_deprecation():
        torch.save(model.state_dict(), path / f"{WEIGHTS}.partial")
    (path / f"{WEIGHTS}.partial").replace(path / WEIGHTS)
    return path


def load_quantized(path: str | Path) -> tuple[RanerModel, CharacterTokenizer]:
    """Load what `save_quantized` wrote: rebuild the INT8 skeleton, then fill it.

    Raises:
        CheckpointError: no quantised weights there, or they do not fit the config.
    """
    path = Path(path)
    if not (path / WEIGHTS).is_file():
        raise CheckpointError(f"{path}: no {WEIGHTS}; a float32 model is loaded with load_raner")
    try:
        with _muted_deprecation():
            model = _skeleton(read_config(path))
            model.load_state_dict(torch.load(path / WEIGHTS, weights_only=True), assign=True)
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path / WEIGHTS}: cannot be loaded ({error})") from None
    restore_buffers(model)
    return model.eval(), CharacterTokenizer.from_directory(path)


def _skeleton(config: BertConfig) -> RanerModel:
    """The INT8 modules without weights. No float matrix is ever made: it would double the peak of memory."""
    with torch.device("meta"):
        model = RanerModel(config)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear):
            packed = int8_modules.dynamic.Linear(module.in_features, module.out_features, dtype=torch.qint8)
            model.set_submodule(name, packed)
    if config.quantized_embeddings:
        words = model.bert.embeddings.word_embeddings
        packed = int8_modules.Embedding(words.num_embeddings, words.embedding_dim, dtype=torch.quint8)
        model.bert.embeddings.word_embeddings = packed
    return model


def load_quantized_tagger(path: str | Path) -> Tagger:
    """A tagger on a saved quantised model."""
    return torch_tagger(*load_quantized(path))
