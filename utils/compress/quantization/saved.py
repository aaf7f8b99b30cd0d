"""Quantised models as directories. Packed integers are no plain tensors, so they have a file of their own.

While a model is loaded, torch's engine is the one that it was made for: a setting of the process.
"""

import pickle
from pathlib import Path

import torch
from torch import nn
from torch.ao.nn import quantized as int8_modules
from transformers import BertConfig

from utils.compress.quantization.dynamic import muted_deprecation
from utils.compress.quantization.static import FixedRangeLinear, choose_engine, using_engine
from utils.files import CheckpointError, refuse_pointer, written_atomically
from utils.model.checkpoint import read_characters, restore_buffers, save_description
from utils.model.layouts import read_config
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tagger import Tagger, by_sentence
from utils.tagger.tokenizer import CharacterTokenizer

WEIGHTS = "model.int8.pt"


def save_quantized(model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path) -> Path:
    """Write a quantised model. `save_pretrained` cannot: packed INT8 weights are no plain tensors.

    Raises:
        CheckpointError: the model is not one that `quantize`, `quantize_static` or `convert_aware` made.
    """
    if not hasattr(model.config, "quantized_embeddings"):
        raise CheckpointError("not a whole quantised model; a float32 model is saved with save_raner")
    path = save_description(model.config, tokenizer, path)
    with muted_deprecation(), written_atomically(path / WEIGHTS) as partial:
        torch.save(model.state_dict(), partial)
    return path


def engine_of(path: str | Path) -> str:
    """The torch engine that a saved quantised model runs on here, as the ledger names it.

    Fixed ranges were made for one engine; those of a dynamic model are found anew by any.

    Raises:
        CheckpointError: no config there, or ranges that were fixed for another kind of CPU.
    """
    engine = getattr(read_config(Path(path)), "static_engine", None)
    if engine is None:
        return torch.backends.quantized.engine
    if engine not in torch.backends.quantized.supported_engines or (engine == "onednn" and choose_engine() != engine):
        raise CheckpointError(f"{path}: its ranges are for {engine}, which this CPU cannot use: calibrate it here")
    return engine


def load_quantized(path: str | Path) -> tuple[RanerModel, CharacterTokenizer]:
    """Load what `save_quantized` wrote: rebuild the INT8 skeleton, then fill it.

    Raises:
        CheckpointError: no quantised weights there, they do not fit the config, their fixed ranges
            are for another kind of CPU, or the vocabulary is damaged.
    """
    path = Path(path)
    if not (path / WEIGHTS).is_file():
        raise CheckpointError(f"{path}: no {WEIGHTS}; a float32 model is loaded with load_raner")
    refuse_pointer(path / WEIGHTS)
    config, engine = read_config(path), engine_of(path)
    tokenizer = read_characters(path, config)
    try:
        with using_engine(engine), muted_deprecation():
            model = _skeleton(config)
            model.load_state_dict(torch.load(path / WEIGHTS, weights_only=True), assign=True)
    except (RuntimeError, AttributeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path / WEIGHTS}: cannot be loaded ({error})") from None
    restore_buffers(model)
    return model.eval(), tokenizer


def _skeleton(config: BertConfig) -> RanerModel:
    """The INT8 modules without weights. No float matrix is ever made: it would double the peak of memory."""
    with torch.device("meta"):
        model = RanerModel(config)
    make = _static_linear if hasattr(config, "static_engine") else _dynamic_linear
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear):
            model.set_submodule(name, make(module))
    if config.quantized_embeddings:
        words = model.bert.embeddings.word_embeddings
        packed = int8_modules.Embedding(words.num_embeddings, words.embedding_dim, dtype=torch.quint8)
        model.bert.embeddings.word_embeddings = packed
    return model


def _dynamic_linear(linear: nn.Linear) -> nn.Module:
    return int8_modules.dynamic.Linear(linear.in_features, linear.out_features, dtype=torch.qint8)


def _static_linear(linear: nn.Linear) -> nn.Module:
    wrapper = FixedRangeLinear(int8_modules.Linear(linear.in_features, linear.out_features, dtype=torch.qint8))
    wrapper.quant, wrapper.dequant = int8_modules.Quantize(1.0, 0, torch.quint8), int8_modules.DeQuantize()
    return wrapper


def load_quantized_tagger(path: str | Path) -> Tagger:
    """A tagger on a saved quantised model."""
    return torch_tagger(*load_quantized(path))


def load_quantized_sentence_tagger(path: str | Path) -> Tagger:
    """`load_quantized_tagger`, with the sentences of a text read apart, several in one batch."""
    return by_sentence(load_quantized_tagger(path))
