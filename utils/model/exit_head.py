"""An answer before the last layer: a linear layer and a CRF on the hidden states of some layer.

It is trained with the network left alone, so what comes out at the end of the network does not change, and one
reading of the sentences is enough for all steps. Li et al. (2021) train all exits and the network with one loss; that
lets the lower layers adapt to their exits, for as many passes through the whole network as there are steps.
"""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from utils.model.crf import sequence_losses
from utils.model.modes import evaluating
from utils.model.raner import RanerModel


class ExitHead(nn.Module):
    """What a model has at its end, on the hidden states of another layer.

    Args:
        model: whose classifier and CRF the head starts with, copied.
        layer: how many layers have been passed there, from 1.
    """

    def __init__(self, model: RanerModel, layer: int):
        super().__init__()
        self.layer = layer
        self.classifier, self.crf = copy.deepcopy(model.classifier), copy.deepcopy(model.crf)
        self.requires_grad_()

    def loss(self, hidden: Tensor, labels: Tensor) -> Tensor:
        """Negative log-likelihood in nats per labelled character, as `RanerModel.forward` has it.

        Args:
            hidden: `(batch, length, features)`.
            labels: `(batch, length)` int64.
        """
        return sequence_losses(self.crf, self.classifier(hidden), labels).sum() / (labels >= 0).sum().clamp(1)


def widened_head(head: ExitHead, model: RanerModel, factor: int) -> ExitHead:
    """The head for the `factor` times as wide twin of its model (`utils.model.twin.widen`): the same emissions.

    Args:
        model: the twin.
    """
    wide = ExitHead(model, head.layer)
    state = head.state_dict()
    state["classifier.weight"] = torch.cat([state["classifier.weight"]] * factor, 1) / factor
    wide.load_state_dict(state)
    return wide.eval()


def embedded(model: RanerModel, input_ids: Tensor, places: Tensor | None = None) -> Tensor:
    """`(batch, length, features)`: what the first layer reads. `places` are positions, as the embedding counts them."""
    return model.bert.embeddings(input_ids=input_ids, position_ids=places)


def through(model: RanerModel, hidden: Tensor, mask: Tensor, first: int, end: int) -> Tensor:
    """Hidden states after the layers from `first` on and before `end`, counted from 0.

    Args:
        hidden: `(batch, length, features)`, after `first` layers.
        mask: what `layer_mask` makes, or an exporter.
    """
    for layer in model.bert.encoder.layer[first:end]:
        hidden = layer(hidden, mask)
    return hidden


def layer_mask(model: RanerModel, attention_mask: Tensor) -> Tensor:
    """`(batch, 1, 1, length)` to add to the scores of attention: 0 at characters, the lowest number at padding."""
    return torch.where(attention_mask[:, None, None] > 0, 0.0, torch.finfo(model.dtype).min)


@torch.inference_mode()
def states_at(model: RanerModel, batch: dict[str, Tensor], layers: list[int]) -> Iterator[Tensor]:
    """Hidden states after each of these numbers of layers (ascending, from 1), in evaluation mode."""
    with evaluating(model.modules()):
        hidden, done, mask = embedded(model, batch["input_ids"]), 0, layer_mask(model, batch["attention_mask"])
        for layer in layers:
            hidden, done = through(model, hidden, mask, done, layer), layer
            yield hidden
