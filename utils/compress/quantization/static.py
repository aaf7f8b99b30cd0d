"""Static INT8: weights stored as 8-bit integers, activations rounded over ranges that were fixed ahead.

A linear layer computes y = s_w s_x (q_w (q_x - z_x)) + b in integers: q_w is fixed ahead with scale
s_w, q_x with scale s_x and zero point z_x (Jacob et al. 2018, section 2). Who fixes the range of x?

- **dynamic** (`utils.compress.quantization.dynamic`): each input does, as it arrives. No data is needed.
- **static** (`quantize_static`): calibration texts do, ahead. Nothing is searched at run time, but what
  lies far outside of what calibration saw is cut off. Outputs are rounded too.
- **aware** (`prepare_aware`, any training, `convert_aware`): as static, with weights that were trained
  while everything was being rounded (Jacob et al. 2018, section 3).

Seven bits: AVX2 adds two products of a weight and an activation in 16 bits, and 2 * 128 * 255 does
not fit. So torch gives activations 0 ... 127 on x86: always in the dynamic kernels, and in the static
ones where the CPU has no VNNI instructions, which add in 32 bits.

Embeddings are looked up, not multiplied: they shrink only if told to.

`torch.ao.quantization` runs on every CPU as it is and announces its removal on every call; the
announcement is muted here, in one place. Its successor is torchao. There a static model (PT2E) is
float32 between roundings until `torch.compile` has translated it, which takes a C++ compiler on the
user's machine and time in every process; then it is the faster one.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.ao import quantization as ao

from utils.compress.quantization.dynamic import muted_deprecation, quantize_only
from utils.compress.quantization.storage import CHARACTERS
from utils.measure.machine import VNNI
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer


def choose_engine() -> str:
    """The torch engine for fixed ranges: `onednn` with eight bits where the CPU has VNNI, else torch's own choice."""
    found = torch.cpu.get_capabilities()
    if "onednn" in torch.backends.quantized.supported_engines and any(found.get(name) for name in VNNI):
        return "onednn"
    return torch.backends.quantized.engine


@contextmanager
def using_engine(name: str) -> Iterator[None]:
    """torch's INT8 engine is `name` while the context lasts: in the whole process, so not for several threads."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = name
    try:
        yield
    finally:
        torch.backends.quantized.engine = before


class FixedRangeLinear(ao.QuantWrapper):
    """A linear layer between two roundings: float32 in, integers inside, float32 out.

    Rounding, real or simulated, is done in float32 even where a training runs in bfloat16.
    """

    @property
    def in_features(self) -> int:
        return self.module.in_features

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.autocast(inputs.device.type, enabled=False):
            return super().forward(inputs.float())


def quantize_static(model: RanerModel, tokenizer: CharacterTokenizer, texts: Sequence[str]) -> RanerModel:
    """A copy with an 8-bit character table and INT8 linear layers, their ranges fixed by what they see in `texts`.

    Matrices have a scale for each output where the engine can; ranges are chosen by torch's
    `HistogramObserver`, which cuts off rare extremes where that lowers the mean squared error. On a
    CPU without VNNI only the calibrated range is exact: a wider input goes on into the eighth bit,
    where sums of 16 bits can overflow.

    Args:
        texts: a hundred or so, like those to come; not the ones it is tested on.

    Raises:
        ValueError: no texts.
    """
    engine = choose_engine()
    with using_engine(engine), muted_deprecation():
        observed = ao.prepare(_wrapped(model, ao.get_default_qconfig(engine)), inplace=True)
    _read(observed, tokenizer, texts)
    return _converted(observed, engine)


def prepare_aware(model: RanerModel, tokenizer: CharacterTokenizer, texts: Sequence[str]) -> RanerModel:
    """A float32 copy that rounds like `quantize_static` would, and passes gradients as if it had not.

    The straight-through estimator (Bengio, Léonard and Courville 2013): forward through the rounding,
    backward around it. The ranges of activations are fixed by `texts`; those of weights follow them
    as they are trained. Train it with `fine_tune`, then hand it to `convert_aware`.

    Args:
        texts: as in `quantize_static`.

    Raises:
        ValueError: no texts.
    """
    engine = choose_engine()
    with using_engine(engine), muted_deprecation():
        # version 1 would simulate a scale that differs from the converted one
        recipe = ao.get_default_qat_qconfig(engine, version=0)
        prepared = ao.prepare_qat(_wrapped(model, recipe).train(), inplace=True)
    _read(prepared, tokenizer, texts)
    for name, module in prepared.named_modules():
        if name.endswith("activation_post_process") and isinstance(module, ao.FakeQuantizeBase):
            module.disable_observer()
    return prepared.eval()


def convert_aware(prepared: RanerModel) -> RanerModel:
    """The INT8 model that a model of `prepare_aware` simulated; `prepared` stays as it is."""
    return _converted(copy.deepcopy(prepared).eval(), choose_engine())


def _wrapped(model: RanerModel, recipe: ao.QConfig) -> RanerModel:
    wrapped = copy.deepcopy(model).eval()
    for name, module in list(wrapped.named_modules()):
        if isinstance(module, nn.Linear):
            wrapped.set_submodule(name, FixedRangeLinear(module))
            wrapped.get_submodule(name).qconfig = recipe
    return wrapped


def _read(model: RanerModel, tokenizer: CharacterTokenizer, texts: Sequence[str]) -> None:
    """Let observers see the texts, one by one: padding would be seen too."""
    if not texts:
        raise ValueError("no texts to calibrate on: ranges would be anything")
    torch_tagger(model, tokenizer).predict(texts, batch_size=1)


def _converted(observed: RanerModel, engine: str) -> RanerModel:
    with using_engine(engine), muted_deprecation():
        quantized = quantize_only(ao.convert(observed, inplace=True), [CHARACTERS])
    quantized.config.quantized_embeddings, quantized.config.static_engine = True, engine
    return quantized
