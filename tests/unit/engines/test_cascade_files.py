"""A cascade that was saved and loaded answers as before."""

import pytest
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.engines.cascade_files import load_cascade, save_cascade
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_session import load_onnx_tagger
from utils.files import CheckpointError
from utils.tagger.cascade import Cascade
from utils.tagger.tagger import by_sentence

TEXTS = random_texts(12)


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    folder = tmp_path_factory.mktemp("halves")
    return [export_onnx(random_raner(seed), tiny_tokenizer(), folder / str(seed)) for seed in (1, 2)]


def test_it_answers_as_its_halves_do(halves, tmp_path):
    expected = Cascade(*(by_sentence(load_onnx_tagger(path)) for path in halves), 0.3).predict(TEXTS)
    loaded = load_cascade(save_cascade(*halves, 0.3, tmp_path / "cascade"))
    assert loaded.threshold == 0.3 and loaded.predict(TEXTS) == expected and sum(map(len, expected)) > 10


@pytest.mark.parametrize("damage", ["cascade.json", "small/model.onnx", "large/crf.safetensors"])
def test_a_file_that_is_missing_is_named(halves, tmp_path, damage):
    path = save_cascade(*halves, 0.3, tmp_path / "cascade")
    (path / damage).unlink()
    with pytest.raises(CheckpointError):
        load_cascade(path)


def test_a_threshold_is_a_number(halves, tmp_path):
    path = save_cascade(*halves, 0.3, tmp_path / "cascade")
    (path / "cascade.json").write_text('{"threshold": "high"}')
    with pytest.raises(CheckpointError, match="a number"):
        load_cascade(path)
