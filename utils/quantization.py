"""INT8 with torch: weights stored as 8-bit integers, activations rounded to integers on their way.

A linear layer computes y = s_w s_x (q_w (q_x - z_x)) + b in integers: q_w is fixed ahead with scale
s_w, q_x with scale s_x and zero point z_x (Jacob et al. 2018, section 2). Who fixes the range of x?

- **dynamic** (`quantize`): each input does, as it arrives. No data is needed.
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
import pickle
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.ao import quantization as ao
from torch.ao.nn import quantized as int8_modules
from transformers import BertConfig

from utils.characters import CharacterTokenizer
from utils.files import CheckpointError
from utils.raner import RanerModel, read_config, restore_buffers, save_description
from utils.tagger import Tagger, torch_tagger

WEIGHTS = "model.int8.pt"
CHARACTERS = "bert.embeddings.word_embeddings"
"""The character table: most of the parameters outside the encoder."""
VNNI = ("avx512_vnni", "avx_vnni", "amx_int8")
"""CPU features, in torch's spelling, that add 8-bit products without overflow."""


@contextmanager
def _muted_deprecation() -> Iterator[None]:
    with warnings.catch_warnings():
        for category in (DeprecationWarning, UserWarning):
            warnings.filterwarnings("ignore", category=category, module=r"torch|utils\.quantization")
        yield


# --- Predicting --------------------------------------------------------------------------------


class Stored(NamedTuple):
    """How one tensor will lie in the file: how many numbers, bytes, `int8` or `float32`, and why."""

    name: str
    numbers: int
    bytes: int
    kind: str
    reason: str


def storage_plan(model: RanerModel, embeddings: bool = True) -> list[Stored]:
    """What `quantize(model, embeddings)` will store for each parameter, found by looking at shapes alone.

    A model on the meta device will do. A quantised matrix has one scale for all of it, which is no
    tensor; the character table has a float32 scale and zero point a row. File headers are not counted.
    """
    matrices = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    table = {f"{CHARACTERS}.weight"} if embeddings else set()
    return [_stored(name, p, matrices, table) for name, p in model.named_parameters()]


def _stored(name: str, parameter: Tensor, matrices: set[str], table: set[str]) -> Stored:
    numbers = parameter.numel()
    if name in matrices:
        return Stored(name, numbers, numbers, "int8", "a matrix of a linear layer")
    if name in table:
        return Stored(name, numbers, numbers + 8 * len(parameter), "int8", "named in the recipe")
    return Stored(name, numbers, 4 * numbers, "float32", _why_float(name))


def _why_float(name: str) -> str:
    if "_embeddings." in name:
        return "looked up, not multiplied: no linear layer"
    if "LayerNorm" in name:
        return "no matrix: LayerNorm is computed in float32"
    if name.startswith("crf."):
        return "the CRF decodes outside the network"
    return "a bias is added after the product"


# --- Dynamic -----------------------------------------------------------------------------------


def quantize(model: RanerModel, embeddings: bool = True) -> RanerModel:
    """A copy with INT8 linear layers and, with `embeddings`, an 8-bit character table.

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
    with _muted_deprecation():
        return ao.quantize_dynamic(model.eval(), {name: recipes[name == CHARACTERS] for name in names})


# --- Static, and trained for it ----------------------------------------------------------------


def choose_engine(capabilities: Mapping[str, object] | None = None) -> str:
    """The torch engine for fixed ranges: `onednn` with eight bits where the CPU has VNNI, else torch's own choice.

    Args:
        capabilities: by default those of this CPU, `torch.cpu.get_capabilities()`.
    """
    found = torch.cpu.get_capabilities() if capabilities is None else capabilities
    if "onednn" in torch.backends.quantized.supported_engines and any(found.get(name) for name in VNNI):
        return "onednn"
    return torch.backends.quantized.engine


@contextmanager
def _engine(name: str) -> Iterator[None]:
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


def quantize_static(
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    texts: Sequence[str],
    embeddings: bool = True,
    engine: str | None = None,
) -> RanerModel:
    """A copy with INT8 linear layers whose ranges are fixed by what they see in `texts`.

    Matrices have a scale for each output where the engine can; ranges are chosen by torch's
    `HistogramObserver`, which cuts off rare extremes where that lowers the mean squared error. On a
    CPU without VNNI only the calibrated range is exact: a wider input goes on into the eighth bit,
    where sums of 16 bits can overflow.

    Args:
        texts: a hundred or so, like those to come; not the ones it is tested on.
        engine: one of `torch.backends.quantized.supported_engines`; by default `choose_engine()`.

    Raises:
        ValueError: no texts.
    """
    engine = engine or choose_engine()
    with _engine(engine), _muted_deprecation():
        observed = ao.prepare(_wrapped(model, ao.get_default_qconfig(engine)), inplace=True)
    _read(observed, tokenizer, texts)
    return _converted(observed, embeddings, engine)


def prepare_aware(
    model: RanerModel, tokenizer: CharacterTokenizer, texts: Sequence[str], engine: str | None = None
) -> RanerModel:
    """A float32 copy that rounds like `quantize_static` would, and passes gradients as if it had not.

    The straight-through estimator (Bengio, Léonard and Courville 2013): forward through the rounding,
    backward around it. The ranges of activations are fixed by `texts`; those of weights follow them
    as they are trained. Train it with `recovery.fine_tune`, then hand it to `convert_aware`.

    Args:
        texts, engine: as in `quantize_static`, and the same engine for both.

    Raises:
        ValueError: no texts.
    """
    engine = engine or choose_engine()
    with _engine(engine), _muted_deprecation():
        recipe = ao.get_default_qat_qconfig(
            engine, version=0
        )  # 1 simulates a scale that differs from the converted one
        prepared = ao.prepare_qat(_wrapped(model, recipe).train(), inplace=True)
    _read(prepared, tokenizer, texts)
    for name, module in prepared.named_modules():
        if name.endswith("activation_post_process") and isinstance(module, ao.FakeQuantizeBase):
            module.disable_observer()
    return prepared


def convert_aware(prepared: RanerModel, embeddings: bool = True, engine: str | None = None) -> RanerModel:
    """The INT8 model that a model of `prepare_aware` simulated; `prepared` stays as it is."""
    return _converted(copy.deepcopy(prepared).eval(), embeddings, engine or choose_engine())


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


def _converted(observed: RanerModel, embeddings: bool, engine: str) -> RanerModel:
    with _engine(engine), _muted_deprecation():
        quantized = ao.convert(observed, inplace=True)
        if embeddings:
            quantized = quantize_only(quantized, [CHARACTERS])
    quantized.config.quantized_embeddings, quantized.config.static_engine = embeddings, engine
    return quantized


# --- Saving and loading ------------------------------------------------------------------------


def save_quantized(model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path) -> Path:
    """Write a quantised model. `save_pretrained` cannot: packed INT8 weights are no plain tensors.

    Raises:
        CheckpointError: the model is not one that `quantize`, `quantize_static` or `convert_aware` made.
    """
    if not hasattr(model.config, "quantized_embeddings"):
        raise CheckpointError("not a whole quantised model; a float32 model is saved with save_raner")
    path = save_description(model.config, tokenizer, path)
    with _muted_deprecation():
        torch.save(model.state_dict(), path / f"{WEIGHTS}.partial")
    (path / f"{WEIGHTS}.partial").replace(path / WEIGHTS)
    return path


def engine_of(path: str | Path) -> str:
    """The torch engine that a saved quantised model runs on here, as the ledger names it.

    Fixed ranges were made for one engine; those of a dynamic model are found anew by any.

    Raises:
        CheckpointError: no config there, or ranges that were fixed for another kind of CPU.
    """
    engine = getattr(read_config(Path(path)), "static_engine", None)
    if engine is None:
        return torch.backends.quantized.engine
    if engine not in torch.backends.quantized.supported_engines or (engine == "onednn" and choose_engine() != engine):
        raise CheckpointError(f"{path}: its ranges are for {engine}, which this CPU cannot use: calibrate it here")
    return engine


def load_quantized(path: str | Path) -> tuple[RanerModel, CharacterTokenizer]:
    """Load what `save_quantized` wrote: rebuild the INT8 skeleton, then fill it.

    Raises:
        CheckpointError: no quantised weights there, they do not fit the config, or their fixed
            ranges are for another kind of CPU.
    """
    path = Path(path)
    if not (path / WEIGHTS).is_file():
        raise CheckpointError(f"{path}: no {WEIGHTS}; a float32 model is loaded with load_raner")
    engine = engine_of(path)
    try:
        with _engine(engine), _muted_deprecation():
            model = _skeleton(read_config(path))
            model.load_state_dict(torch.load(path / WEIGHTS, weights_only=True), assign=True)
    except (RuntimeError, AttributeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path / WEIGHTS}: cannot be loaded ({error})") from None
    restore_buffers(model)
    return model.eval(), CharacterTokenizer.from_directory(path)


def _skeleton(config: BertConfig) -> RanerModel:
    """The INT8 modules without weights. No float matrix is ever made: it would double the peak of memory."""
    with torch.device("meta"):
        model = RanerModel(config)
    make = _static_linear if hasattr(config, "static_engine") else _dynamic_linear
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear):
            model.set_submodule(name, make(module))
    if config.quantized_embeddings:
        words = model.bert.embeddings.word_embeddings
        packed = int8_modules.Embedding(words.num_embeddings, words.embedding_dim, dtype=torch.quint8)
        model.bert.embeddings.word_embeddings = packed
    return model


def _dynamic_linear(linear: nn.Linear) -> nn.Module:
    return int8_modules.dynamic.Linear(linear.in_features, linear.out_features, dtype=torch.qint8)


def _static_linear(linear: nn.Linear) -> nn.Module:
    wrapper = FixedRangeLinear(int8_modules.Linear(linear.in_features, linear.out_features, dtype=torch.qint8))
    wrapper.quant, wrapper.dequant = int8_modules.Quantize(1.0, 0, torch.quint8), int8_modules.DeQuantize()
    return wrapper


def load_quantized_tagger(path: str | Path) -> Tagger:
    """A tagger on a saved quantised model."""
    return torch_tagger(*load_quantized(path))
