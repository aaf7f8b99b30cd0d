"""Notebook 07 asks: an attention mask, and an export with parity."""

import copy
import math
from numbers import Real
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from transformers import BertConfig

from utils.course.teaching import shortened
from utils.engines.onnx_files import quiet
from utils.model.raner import RanerModel

PAD, CLS, SEP = 0, 101, 102

PADDED = np.array([[CLS, 1266, 776, SEP, PAD, PAD, PAD], [CLS, 3173, 1290, 4852, 776, 1277, SEP]])
"""`(batch, length)`: a text of two characters and one of five, padded to the longer one."""


def padded_mask(answer: object) -> str | None:
    """The attention mask of `PADDED`, `(batch, length)` int64."""
    right = (PADDED != PAD).astype(np.int64)
    try:
        mine = np.asarray(answer)
    except ValueError:
        return "rows of different lengths are no array: each row has a number for each position"
    if mine.shape != right.shape:
        return f"one number for each position is expected, {right.shape}; yours has {mine.shape}"
    known = (
        (np.ones_like(right), "then padding takes part: every softmax gives it weight, and the short text changes"),
        (1 - right, "the other way round: 1 is what may be looked at"),
        (
            right * ~np.isin(PADDED, (CLS, SEP)),
            "[CLS] and [SEP] take part, the model was trained with them; padding does not",
        ),
    )
    if not np.array_equal(mine, right):
        hint = next((hint for wrong, hint in known if np.array_equal(mine, wrong)), None)
        return hint or "1 where a position holds anything but [PAD], 0 where it holds [PAD]"
    return None if mine.dtype == np.int64 else f"the right positions; the graph wants int64, this is {mine.dtype}"


VOCABULARY, INPUTS, NEAR = 50, ["input_ids", "attention_mask"], 1e-4

OTHER_SHAPES = ((1, 3), (4, 17), (2, 61))
"""Batch and length of what a checked graph is asked."""


class TinyEncoder(nn.Module):
    """RaNER's network with two layers and random weights, in training mode, as torch makes every module.

    It says NaN where there is padding: nobody shall take that for an answer. `shapes` are those that torch was
    asked, tracing left out.
    """

    def __init__(self):
        super().__init__()
        settings = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
        self.shapes: list[tuple[int, ...]] = []
        with torch.random.fork_rng():
            torch.manual_seed(0)
            config = BertConfig(vocab_size=VOCABULARY, initializer_range=0.3, num_labels=13, **settings)
            self.raner = RanerModel(config).train()

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Ids and mask, `(batch, length)` int64, to emissions `(batch, length, 13)`; no mask: no padding."""
        if not torch.compiler.is_exporting():
            self.shapes.append(tuple(input_ids.shape))
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        hidden = self.raner.bert(input_ids, attention_mask=(mask == 1)[:, None, None]).last_hidden_state
        emissions = self.raner.classifier(self.raner.dropout(hidden))
        return emissions.masked_fill(mask[..., None] == 0, torch.nan)


def random_batch(batch: int, length: int) -> tuple[Tensor, Tensor]:
    """Ids and mask, `(batch, length)` int64; the second half of the last row is padding."""
    draw = torch.Generator().manual_seed(batch * length)
    ids, mask = torch.randint(5, VOCABULARY, (batch, length), generator=draw), torch.ones(batch, length).long()
    mask[-1, (length + 1) // 2 :] = 0
    return ids * mask, mask


def export_with_parity(answer: object) -> str | None:
    """A function `(encoder, file)` that exports an encoder and returns how far the graph is from torch.

    The graph is run in ONNX Runtime here, at `OTHER_SHAPES`.
    """
    if not callable(answer):
        return "a function is expected, which takes the encoder and the file"
    encoder = TinyEncoder()
    truth = copy.deepcopy(encoder).eval()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        try:
            with quiet():
                furthest = answer(encoder, file)
        except Exception as error:
            return _stopped(error)
        if not file.is_file():
            return "there is no file afterwards: `torch.onnx.export` writes it to the name that is its third argument"
        return _graph_hint(file, truth) or _parity_hint(furthest, encoder.shapes)


FIXED = (
    "the {} is fixed: the trace took the example's for a constant, and another one fails. "
    "Say in `dynamic_shapes` that both axes of both inputs are free"
)


def _stopped(error: Exception) -> str:
    if "invalid dimensions" in str(error).lower():
        return FIXED.format("shape")
    said = shortened(f"{type(error).__name__}: {error.__cause__ or error}".rstrip(": "))
    form = "; what is `dynamic_shapes`?" if isinstance(error, torch.onnx.OnnxExporterError) else ""
    return f"your function stopped with {said}{form}"


def _graph_hint(file: Path, truth: TinyEncoder) -> str | None:
    graph = onnx.load(file, load_external_data=False).graph
    session = _session(file)
    shapes = {entry.name: entry.shape for entry in session.get_inputs()}
    if len(shapes) == 1:
        return "the graph has one input: the mask was not exported, so padding takes part in every softmax"
    if sorted(shapes) != sorted(INPUTS):
        return f"the inputs are called {', '.join(shapes)}; who runs the graph asks for {' and '.join(INPUTS)}"
    for axis, name in enumerate(("batch size", "length")):
        if any(isinstance(shape[axis], int) for shape in shapes.values()):
            return FIXED.format(name)
    if any(node.op_type in ("Dropout", "Bernoulli", "RandomUniformLike") for node in graph.node):
        return "dropout is in the graph: a module is in training mode until somebody says `.eval()`"
    return _answers_hint(session, truth)


def _session(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _answers_hint(session: onnxruntime.InferenceSession, truth: TinyEncoder) -> str | None:
    """What is wrong with the graph's answers at other shapes than the example's."""
    for shape in OTHER_SHAPES:
        ids, mask = random_batch(*shape)
        try:
            right = _near(session, ids, mask, truth(ids, mask), mask)
        except Exception:  # onnxruntime's exception classes share no public base
            return FIXED.format("shape")
        if right:
            continue
        if _near(session, mask, ids, truth(ids, mask), mask):
            return f"the names are swapped: the encoder takes {' and '.join(INPUTS)}, in this order"
        if _near(session, ids, mask, truth(ids), mask):
            return "the mask is ignored: the graph answers as if padding were text. Export with a mask as its input"
        return f"at {shape[0]} x {shape[1]} the graph is further than {NEAR:g} from torch, at positions that are text"
    return None


def _near(session: onnxruntime.InferenceSession, ids: Tensor, mask: Tensor, expected: Tensor, real: Tensor) -> bool:
    """Whether the graph gives what is `expected`, at `real` positions."""
    (found,) = session.run(None, dict(zip(INPUTS, (ids.numpy(), mask.numpy()), strict=True)))
    there = real.numpy() == 1
    return bool(np.abs(found - expected.detach().numpy())[there].max() < NEAR)


def _parity_hint(furthest: object, shapes: list[tuple[int, ...]]) -> str | None:
    """What is wrong with the comparison, where the graph is right."""
    if isinstance(furthest, bool) or not isinstance(furthest, Real | np.floating):
        return "the graph is right; now return the largest difference to torch, a number"
    if math.isnan(furthest):
        return "the graph is right, but you compared at padding too, where nobody has an answer: look where mask is 1"
    if len(set(shapes)) < 2:
        return "the graph is right, but you looked at one shape or none: a frozen axis shows itself at another one only"
    if furthest > NEAR:
        return f"the graph is right, and yet you find a difference of {furthest:.2g}: is torch in evaluation mode?"
    return None
