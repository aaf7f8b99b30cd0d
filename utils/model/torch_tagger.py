"""Taggers whose emissions come from torch: of a model in memory, or loaded from wherever it is."""

from pathlib import Path

import numpy as np
import torch

from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.modes import evaluating
from utils.model.raner import RanerModel, piece_limit
from utils.tagger.batching import Backend
from utils.tagger.tagger import Tagger, by_sentence
from utils.tagger.temperature import SETTING
from utils.tagger.tokenizer import CharacterTokenizer


def torch_backend(model: RanerModel) -> Backend:
    """Emissions by torch, in evaluation mode and without gradients; the model's own mode stays what it is."""
    modules = list(model.modules())

    @torch.inference_mode()
    def emissions(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        ids, mask = (torch.from_numpy(array).to(model.device) for array in (input_ids, attention_mask))
        with evaluating(modules):
            return model(ids, mask).logits.float().cpu().numpy()

    return emissions


def torch_tagger(model: RanerModel, tokenizer: CharacterTokenizer) -> Tagger:
    """A tagger on a model in memory."""
    return Tagger(
        torch_backend(model),
        tokenizer,
        model.labels,
        model.crf.scores(),
        piece_limit(model.config),
        eight_bits=hasattr(model.config, "quantized_embeddings"),
        temperature=getattr(model.config, SETTING, 1.0),
    )


def load_tagger(source: str | Path = MINI_RANER) -> Tagger:
    """A torch float32 tagger from whatever `load_raner` can load."""
    return torch_tagger(*load_raner(source))


def load_sentence_tagger(source: str | Path) -> Tagger:
    """`load_tagger`, with the sentences of a text read apart, several in one batch."""
    return by_sentence(load_tagger(source))


def load_bf16_tagger(source: str | Path) -> Tagger:
    """A torch tagger whose encoder and classifier compute in bfloat16; the CRF stays float32.

    bfloat16 keeps float32's range with 8 bits of precision instead of 24.
    """
    model, tokenizer = load_raner(source)
    model.bert.to(torch.bfloat16)
    model.classifier.to(torch.bfloat16)
    return torch_tagger(model, tokenizer)
