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
from utils.measure.scores import Predictions, agreement
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Entity, Sentence


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


class Yardstick:
    """What a model answers in float32 on some sentences, and how far another one is from it.

    Sentences are read one by one, as they are served: in a batch, all share the grid that the loudest needs.

    Raises:
        ValueError: there is no sentence.
    """

    def __init__(self, model: RanerModel, tokenizer: CharacterTokenizer, sentences: Sequence[Sentence], seed: int = 0):
        if not sentences:
            raise ValueError("no sentences: nothing to compare")
        self.tokenizer, self.sentences, self.seed = tokenizer, sentences, seed
        self.texts = [sentence.text for sentence in sentences]
        self.answers, self.emissions = self.answers_of(model)

    def damage(self, model: RanerModel, batch_size: int = 1) -> PartDamage:
        """How far `model` is from the first; F1 and agreement only move where a tag tips over, the noise shows more.

        Args:
            batch_size: sentences a call, which share a grid where ranges are found as inputs arrive.
        """
        return self.compared(*self.answers_of(model, batch_size))

    def compared(self, answers: Predictions, emissions: np.ndarray) -> PartDamage:
        """The damage that answers and emissions show, which are those of another model, as `answers_of` gives them."""
        noise = 100 * float(np.linalg.norm(emissions - self.emissions) / np.linalg.norm(self.emissions))
        lost = paired_bootstrap(self.sentences, self.answers, answers, self.seed)
        return PartDamage(lost, agreement(self.answers, answers), noise)

    def answers_of(self, model: RanerModel, batch_size: int = 1) -> tuple[list[list[Entity]], np.ndarray]:
        """Entities of each sentence, and the emissions that led to them, in one row, the shortest sentence first."""
        tagger, kept = torch_tagger(model, self.tokenizer), []

        def keeping(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
            emissions = tagger.backend(input_ids, attention_mask)
            kept.append(emissions[attention_mask.astype(bool)].ravel())
            return emissions

        return replace(tagger, backend=keeping).predict(self.texts, batch_size), np.concatenate(kept)


def sensitivity(yardstick: Yardstick, model: RanerModel, parts: Mapping[str, Sequence[str]]) -> dict[str, PartDamage]:
    """The damage that quantising each of `parts` alone does to `model`, dynamic INT8, one sentence at a time.

    Args:
        yardstick: of `model`.
        parts: name -> modules, as in `parts_of`.
    """
    return {
        part: yardstick.damage(quantize_only(model, names))
        for part, names in tqdm(parts.items(), "quantising one part", leave=False)
    }
