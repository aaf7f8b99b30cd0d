"""The study of INT8's factors: the ends are the two engines, each step changes one thing, rows are kept."""

import json

from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.model.torch_tagger import torch_tagger
from utils.studies import int8_factors
from utils.studies.int8_factors import FACTORS, NARROW, damages_in, measure_factors, repairs
from utils.studies.loud_channels import planted
from utils.studies.rounding import ONNX_RUNTIME, TORCH, rounded
from utils.studies.sensitivity import Yardstick
from utils.text.entities import Sentence

TEXTS = random_texts(8)


def yardstick_of(model):
    entities = torch_tagger(model, tiny_tokenizer()).predict(TEXTS)
    sentences = [Sentence(text, tuple(found)) for text, found in zip(TEXTS, entities, strict=True)]
    return Yardstick(model, tiny_tokenizer(), sentences)


def changes(a, b):
    return sum(x != y for x, y in zip(a, b, strict=True))


def test_the_factors_lead_from_torch_to_onnx_runtime():
    first, bits, rows, last = FACTORS.values()
    assert (first, last) == (TORCH, ONNX_RUNTIME)
    assert changes(first, bits) == changes(first, rows) == changes(bits, last) == changes(rows, last) == 1
    exact, *others = NARROW.values()
    assert not exact.narrow and all(setting.narrow for setting in others)


def test_a_loud_channel_is_repaired_by_smoothing_and_not_by_grids_of_rows():
    model = random_raner()
    yardstick, loud = yardstick_of(model), planted(model, 256)
    one, rows, _, smooth = (
        yardstick.damage(repaired).noise for repaired in repairs(loud, tiny_tokenizer(), TEXTS).values()
    )
    assert smooth < rows and smooth < one


def test_rows_are_written_and_read_and_not_made_twice(tmp_path, monkeypatch):
    model, out = random_raner(), tmp_path / "factors.json"
    header = {"command": "c", "sentences": len(TEXTS)}
    yardstick = yardstick_of(model)
    study = measure_factors(model, yardstick, TEXTS[:2], out, header)
    damages = damages_in(json.loads(out.read_text("utf-8")))
    planned = {f"planted, {name}" for name in repairs(model, tiny_tokenizer(), TEXTS[:2])}
    assert damages.keys() == {*FACTORS, *NARROW, *planned, "as torch, 16 sentences a call"}
    assert damages["as torch"] == yardstick.damage(rounded(model, TORCH))
    assert damages["as torch, 16 sentences a call"] == yardstick.damage(rounded(model, TORCH), 16)
    monkeypatch.setattr(yardstick, "damage", None)
    assert measure_factors(model, yardstick, TEXTS[:2], out, header) == study
    monkeypatch.setattr(int8_factors, "STUDY", out)
    assert int8_factors.read_study() == study
    monkeypatch.setattr(int8_factors, "STUDY", tmp_path / "none.json")
    assert int8_factors.read_study() is None
