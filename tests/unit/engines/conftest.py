"""One small model and its graphs, exported once for all files of this room."""

from pathlib import Path

import pytest
from graphs import CUTS, WIDE
from tiny_models import random_raner, tiny_tokenizer

from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_session import optimize_onnx
from utils.model.checkpoint import load_raner

TINY = Path(__file__).resolve().parents[2] / "data" / "raner_tiny_published"


@pytest.fixture(scope="session", params=CUTS)
def cut(request, tmp_path_factory):
    """Model, tokenizer and graph of a model with uneven layers."""
    model, tokenizer = CUTS[request.param](random_raner(3, **WIDE), tiny_tokenizer())
    return model, tokenizer, export_onnx(model, tokenizer, tmp_path_factory.mktemp("cut"))


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Model, tokenizer and graph of a whole model, its attention one operator a layer."""
    model, tokenizer = load_raner(TINY)
    return model, tokenizer, export_onnx(model, tokenizer, tmp_path_factory.mktemp("onnx"))


@pytest.fixture(scope="session")
def written_out(exported, tmp_path_factory):
    """The same model's graph with its attention operator by operator."""
    model, tokenizer, _ = exported
    return export_onnx(model, tokenizer, tmp_path_factory.mktemp("eager"), attention="eager")


@pytest.fixture(scope="session")
def optimized(exported, tmp_path_factory):
    """What ONNX Runtime makes of the first graph."""
    return optimize_onnx(exported[2], tmp_path_factory.mktemp("optimized"))
