"""The versions that are compared: torch and ONNX Runtime's providers, with 32 bits and with 16."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from utils.engines.onnx_export import OPERATOR, export_onnx
from utils.engines.onnx_files import GRAPH_FILE, tagger_around
from utils.engines.onnx_half import halve_onnx
from utils.engines.onnx_providers import CPU, CUDA, TENSORRT, open_on, operators_by_provider
from utils.engines.onnx_session import onnx_backend
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tagger import Tagger
from utils.tagger.tokenizer import CharacterTokenizer

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

BASE = "torch fp32"

PROVIDERS = {"cuda": (CUDA, TENSORRT), "cpu": (CPU,)}
"""What ONNX Runtime is asked to compute with, by torch's name of the device."""

ATTENTION = {TENSORRT: "eager"}
"""Who is given attention written out, and not as one operator: TensorRT fuses the pattern by itself."""

HALVES = {TENSORRT: {"trt_fp16_enable": "1"}}
"""Who is given the float32 graph also for 16 bits, with these settings; others need one that is in float16."""


@dataclass(frozen=True)
class Bench:
    """A float32 model on the CPU, what measures it, and a folder for its graphs, each made once."""

    model: RanerModel
    tokenizer: CharacterTokenizer
    device: str
    providers: Sequence[str]
    folder: Path

    def graph(self, attention: str, precision: str) -> Path:
        """A directory with a graph, its attention as `export_onnx` knows it, its numbers `fp32` or `fp16`."""
        path = self.folder / f"{attention}-{precision}"
        if not path.is_dir() and precision == "fp16":
            return halve_onnx(self.graph(attention, "fp32"), path)
        return path if path.is_dir() else export_onnx(self.model, self.tokenizer, path, attention)


class Opened(NamedTuple):
    """A version, ready, and its operators by provider; None for torch."""

    tagger: Tagger
    operators: dict[str, int] | None


def versions(bench: Bench) -> dict[str, Callable[[], Opened]]:
    """Engine and precision -> how to open it; `BASE` comes first."""
    found = {f"torch {name}": partial(_in_torch, bench, dtype) for name, dtype in DTYPES.items()}
    named = [(provider, precision) for provider in bench.providers for precision in ("fp32", "fp16")]
    return found | {f"{each[0]} {each[1]}": partial(_in_onnx_runtime, bench, *each) for each in named}


def _in_torch(bench: Bench, dtype: torch.dtype) -> Opened:
    """The CRF stays float32, as its scores leave torch."""
    model = copy.deepcopy(bench.model)
    model.bert.to(dtype)
    model.classifier.to(dtype)
    return Opened(torch_tagger(model.to(bench.device), bench.tokenizer), None)


def _in_onnx_runtime(bench: Bench, provider: str, precision: str) -> Opened:
    told = HALVES.get(provider, {}) if precision == "fp16" else {}
    path = bench.graph(ATTENTION.get(provider, OPERATOR), "fp32" if told else precision)
    session = open_on(provider, path / GRAPH_FILE, told)
    operators = {name: counts.total() for name, counts in operators_by_provider(session).items()}
    return Opened(tagger_around(onnx_backend(session), path), operators)
