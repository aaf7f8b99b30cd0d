"""TODO model.torch_tagger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from utils.model.checkpoint import MINI_RANER, load_raner
from utils.tagger.batching import Backend
from utils.tagger.tagger import Tagger
from utils.tagger.tokenizer import CharacterTokenizer

if TYPE_CHECKING:
    from utils.model.raner import RanerModel


def torch_backend(model: RanerModel) -> Backend:
    """Emissions by torch, without gradients; the model is put in evaluation mode."""
    import torch

    model.eval()

    @torch.inference_mode()
    def emissions(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        ids, mask = (torch.from_numpy(array).to(model.device) for array in (input_ids, attention_mask))
        return model(ids, mask).logits.float().cpu().numpy()

    return emissions


def torch_tagger(model: RanerModel, tokenizer: CharacterTokenizer) -> Tagger:
    """A tagger on a model in memory."""
    limit = model.config.max_position_embeddings - 2
    return Tagger(torch_backend(model), tokenizer, model.labels, model.crf.scores(), limit)


def load_tagger(source: str | Path = MINI_RANER) -> Tagger:
    """A torch float32 tagger from whatever `load_raner` can load."""
    return torch_tagger(*load_raner(source))


def load_bf16_tagger(source: str | Path = MINI_RANER) -> Tagger:
    """A torch tagger whose encoder and classifier compute in bfloat16; the CRF stays float32.

    bfloat16 keeps float32's range with 8 bits of precision instead of 24.
    """
    model, tokenizer = load_raner(source)
    model.bert.to(torch.bfloat16)
    model.classifier.to(torch.bfloat16)
    return torch_tagger(model, tokenizer)


def emissions_of(tagger: Tagger, text: str) -> np.ndarray:
    """`(characters, tags)` float32: what the network says about each character before the CRF decides."""
    encoding = tagger.tokenizer.batch([text])
    return tagger.backend(encoding.input_ids, encoding.attention_mask)[encoding.label_mask]
