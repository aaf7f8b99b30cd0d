"""The loss against the CRF's likelihood."""

import torch

from utils.model.checkpoint import load_raner
from utils.model.raner import IGNORED_LABEL


def test_loss_is_the_crf_likelihood_of_the_labelled_characters(tiny_published):
    """[CLS], [SEP], continuation pieces and padding do not count; an unlabelled sentence adds nothing."""
    model, _ = load_raner(tiny_published)
    ids = torch.tensor([[101, 239, 447, 225, 102], [101, 372, 102, 0, 0], [101, 102, 0, 0, 0]])
    none = IGNORED_LABEL
    labels = torch.tensor([[none, 1, none, 8, none], [none, 0, none, none, none], [none] * 5])
    out = model(ids, (ids > 0).long(), labels)
    first = model.crf.log_likelihood(out.logits[:1, [1, 3]], torch.tensor([[1, 8]]), torch.tensor([2]))
    second = model.crf.log_likelihood(out.logits[1:2, [1]], torch.tensor([[0]]), torch.tensor([1]))
    torch.testing.assert_close(out.loss, -(first + second)[0] / 3)
    losses = model.sequence_losses(out.logits, labels)
    torch.testing.assert_close(losses, torch.stack([-first[0], -second[0], torch.tensor(0.0)]))
