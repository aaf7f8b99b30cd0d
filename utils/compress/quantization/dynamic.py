"""Dynamic INT8: weights stored as 8-bit integers, each input rounded over its own range as it arrives."""

import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn
from torch.ao import quantization as ao

from utils.compress.quantization.storage import CHARACTERS
from utils.model.raner import RanerModel

_MUTED = threading.RLock()


@contextmanager
def muted_deprecation() -> Iterator[None]:
    """torch's announcements that `torch.ao.quantization` will go, unheard while the context lasts.

    Warning filters belong to the process: a second thread waits, so that each finds again what it found.
    """
    with _MUTED, warnings.catch_warnings():
        for category in (DeprecationWarning, UserWarning):
            warnings.filterwarnings("ignore", category=category, module=r"torch|utils\.compress\.quantization")
        yield


def quantize(model: RanerModel, embeddings: bool = True) -> RanerModel:
    """A copy, in evaluation mode, with INT8 linear layers and, with `embeddings`, an 8-bit character table.

    The CRF, LayerNorms, position and type embeddings and all biases stay float32. It is packed for
    `torch.backends.quantized.engine`, which torch sets by the kind of CPU.
    """
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    quantized = quantize_only(model, [*linears, CHARACTERS] if embeddings else linears)
    quantized.config.quantized_embeddings = embeddings
    return quantized


def quantize_only(model: RanerModel, names: Iterable[str]) -> RanerModel:
    """A copy in which just these modules, linear layers or `CHARACTERS`, are dynamic INT8. It cannot be saved."""
    recipes = {True: ao.float_qparams_weight_only_qconfig, False: ao.default_dynamic_qconfig}
    with muted_deprecation():
        return ao.quantize_dynamic(model, {name: recipes[name == CHARACTERS] for name in names}).eval()
