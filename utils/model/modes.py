"""Ways of running a model that last as long as a context: evaluation mode, attention that shows its weights.

Both are attributes of the model. While one thread is inside such a context, another that trains the
same model, or sets its mode, would be disturbed; threads that only read a model in evaluation mode
change nothing.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn
from transformers import PreTrainedModel


@contextmanager
def evaluating(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Evaluation mode (no dropout) while the context lasts; then each module is in the mode that it was in.

    Args:
        modules: `model.modules()`. The walk takes longer than a short text's layer: who enters often, lists them once.
    """
    training = [module for module in modules if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def eager_attention(model: PreTrainedModel) -> Iterator[None]:
    """Attention that hands out its weights, while the context lasts; fused kernels never form them."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)
