"""A tagger for other entity types: the encoder of a model that is there, with an untrained classifier and CRF."""

import copy
from collections.abc import Sequence

import torch

from utils.model.checkpoint import assemble
from utils.model.crf import LinearChainCRF
from utils.model.raner import RanerModel
from utils.text.tags import BIOES


def with_new_head(model: RanerModel, types: Sequence[str], seed: int) -> RanerModel:
    """A new model with the encoder of `model`, pruned or whole, and BIOES tags of these types, still to be trained.

    The classifier starts with small random weights, as BERT's do, the CRF with none: no tag is preferred.

    Args:
        types: entity types, in the order of the tags.
        seed: of the random weights.

    Raises:
        ValueError: no types.
    """
    if not types:
        raise ValueError("no entity types: a head needs one to tell from O")
    labels = ["O", *(f"{prefix}-{kind}" for kind in types for prefix in BIOES[1:])]
    config = copy.deepcopy(model.config)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in config.id2label.items()}
    kept = {name: t.detach().clone() for name, t in model.state_dict().items() if name.startswith("bert.")}
    noise = torch.randn(len(labels), config.hidden_size, generator=torch.Generator().manual_seed(seed))
    head = {"classifier.weight": config.initializer_range * noise, "classifier.bias": torch.zeros(len(labels))}
    crf = {f"crf.{name}": parameter.detach() for name, parameter in LinearChainCRF(len(labels)).named_parameters()}
    return assemble(config, kept | {name: tensor.to(model.device) for name, tensor in (head | crf).items()})
