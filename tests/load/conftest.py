"""What load tests share: the benchmark article, and the model of BERT-base size in ONNX INT8."""

import pytest

from utils.files import DATA
from utils.model.checkpoint import load_raner, save_raner
from utils.model.twin import article_twin
from utils.serving.models import build
from utils.text.formats.bracketed import read_bracketed


@pytest.fixture(scope="session")
def article():
    return read_bracketed(DATA / "article.txt")[0].text


@pytest.fixture(scope="session")
def article_scale(tmp_path_factory):
    """The twin in ONNX INT8."""
    folder = tmp_path_factory.mktemp("twin")
    model, tokenizer = load_raner()
    build(save_raner(article_twin(model), tokenizer, folder / "float"), folder / "int8")
    return folder / "int8"
