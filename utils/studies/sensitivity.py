"""Which part of a model suffers from INT8? One part at a time is quantised, all others stay float32."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from torch import nn
from tqdm.auto import tqdm

from utils.compress.quantization.dynamic import quantize_only
from utils.compress.quantization.storage import CHARACTERS
from utils.measure.bootstrap import Difference, paired_bootstrap
from utils.measure.scores import agreement
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Sentence


class PartDamage(NamedTuple):
    """What quantising a part changed: F1 (paired, points), sentences tagged as before (points), emissions.

    `noise` is the root mean square of the change of the emissions, in percent of that of the emissions.
    """

    f1: Difference
    agreement: float
    noise: float


def parts_of(model: RanerModel) -> dict[str, list[str]]:
    """Modules by part: each layer; attention, feed-forward and classifier of all; the character table; everything.

    A layer that lost all its heads and neurons has no matrix, and is left out.
    """
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    layers = range(model.config.num_hidden_layers)
    parts = {f"layer {n + 1}": [name for name in linears if f".layer.{n}." in name] for n in layers}
    parts["attention"] = [name for name in linears if ".attention." in name]
    parts["feed-forward"] = [name for name in linears if ".layer." in name and ".attention." not in name]
    parts |= {"classifier": ["classifier"], "character table": [CHARACTERS], "everything": [*linears, CHARACTERS]}
    return {part: names for part, names in parts.items() if names}


def sensitivity(
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    sentences: Sequence[Sentence],
    parts: Mapping[str, Sequence[str]],
    seed: int = 0,
) -> dict[str, PartDamage]:
    """The damage that quantising each of `parts` alone does on `sentences`, dynamic INT8.

    F1 and agreement are coarse: they only move where a tag tips over. The noise shows more.

    Args:
        parts: name -> modules, as in `parts_of`.
        seed: draws the bootstrap samples.

    Raises:
        ValueError: there is no sentence.
    """
    if not sentences:
        raise ValueError("no sentences: nothing to compare")
    texts = [sentence.text for sentence in sentences]
    before, exact = _answers(model, tokenizer, texts)
    damages = {}
    for part, names in tqdm(parts.items(), "quantising one part", leave=False):
        after, rounded = _answers(quantize_only(model, names), tokenizer, texts)
        noise = 100 * float(np.linalg.norm(rounded - exact) / np.linalg.norm(exact))
        damages[part] = PartDamage(paired_bootstrap(sentences, before, after, seed), agreement(before, after), noise)
    return damages


def _answers(model: RanerModel, tokenizer: CharacterTokenizer, texts: Sequence[str]) -> tuple[list, np.ndarray]:
    """Entities of each text, and the emissions that led to them, in one row."""
    tagger, kept = torch_tagger(model, tokenizer), []

    def keeping(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        emissions = tagger.backend(input_ids, attention_mask)
        kept.append(emissions[attention_mask.astype(bool)].ravel())
        return emissions

    return replace(tagger, backend=keeping).predict(texts), np.concatenate(kept)
