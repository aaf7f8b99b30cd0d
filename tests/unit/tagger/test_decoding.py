"""What a temperature changes, and what it leaves alone, against enumeration of every path."""

import dataclasses
import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_session import load_onnx_tagger
from utils.files import CheckpointError
from utils.model.checkpoint import save_raner
from utils.model.torch_tagger import load_tagger, torch_tagger
from utils.tagger.decoding import Decoder
from utils.tagger.temperature import SETTING, store_temperature, stored_temperature

LABELS = ["O", "S-LOC", "B-PER", "E-PER"]


def field(seed: int):
    """Emissions of three characters between [CLS] and [SEP], and CRF scores."""
    draw = np.random.default_rng(seed).normal
    return draw(size=(1, 5, 4)) * 2, (draw(size=4), draw(size=(4, 4)), draw(size=4))


def every_path(emissions, crf, temperature):
    """Path -> probability, term by term."""
    start, moves, end = crf
    scores = {
        path: (start[path[0]] + end[path[-1]] + sum(emissions[t, tag] for t, tag in enumerate(path))
               + sum(moves[a, b] for a, b in zip(path, path[1:], strict=False)))
        for path in product(range(len(start)), repeat=len(emissions))
    }  # fmt: skip
    weights = {path: math.exp(score / temperature) for path, score in scores.items()}
    total = sum(weights.values())
    return {path: weight / total for path, weight in weights.items()}


MASK = np.array([[False, True, True, True, False]])


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), temperature=st.sampled_from([0.25, 1.0, 1.7, 6.0]))
def test_confidence_is_the_share_of_all_paths_at_that_temperature(seed, temperature):
    emissions, crf = field(seed)
    (found,) = Decoder(LABELS, crf, temperature).decode(["陈默说"], emissions, MASK)
    paths = every_path(emissions[0, 1:4], crf, temperature)
    best = max(paths, key=paths.get)

    def share(start, end):
        return sum(p for path, p in paths.items() if path[start:end] == best[start:end])

    assert [e.confidence for e in found.entities] == pytest.approx([share(e.start, e.end) for e in found.entities])
    least = min([share(at, at + 1) for at in range(3)] + [share(e.start, e.end) for e in found.entities])
    assert found.certainty == pytest.approx(least)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), temperature=st.floats(0.1, 10))
def test_entities_do_not_depend_on_the_temperature(seed, temperature):
    emissions, crf = field(seed)
    plain, warm = (Decoder(LABELS, crf, t).decode(["陈默说"], emissions, MASK)[0] for t in (1.0, temperature))
    assert [e.span for e in warm.entities] == [e.span for e in plain.entities]


def test_a_hotter_field_is_nearer_to_all_paths_alike():
    emissions, crf = field(3)
    hot = Decoder(LABELS, crf, 1e6).decode(["陈默说"], emissions, MASK)[0]
    assert [e.confidence for e in hot.entities] == pytest.approx(
        [4.0 ** (e.start - e.end) for e in hot.entities], rel=1e-4
    )
    assert hot.entities and hot.certainty < 0.26


def test_nothing_to_tag_is_certain():
    zero = np.zeros(4), np.zeros((4, 4)), np.zeros(4)
    (found,) = Decoder(LABELS, zero).decode([""], np.zeros((1, 2, 4)), np.zeros((1, 2), bool))
    assert found == ([], 1.0) and torch_tagger(random_raner(1), tiny_tokenizer()).tag([""]) == [([], 1.0)]


def test_a_text_is_as_certain_as_the_least_certain_of_its_parts():
    whole = torch_tagger(random_raner(1), tiny_tokenizer())
    parts = ["天地玄黄", "宇宙洪荒", "日月"]
    (together,) = dataclasses.replace(whole, limit=4).tag(["".join(parts)])
    apart = [found.certainty for found in whole.tag(parts)]
    assert together.certainty == pytest.approx(min(apart)) and len(set(apart)) == 3


@pytest.mark.parametrize("temperature", [0, -1.0, math.inf, math.nan])
def test_a_temperature_is_above_zero(temperature):
    with pytest.raises(ValueError, match="a number above 0"):
        dataclasses.replace(torch_tagger(random_raner(), tiny_tokenizer()), temperature=temperature)


TEXTS = random_texts(12)


def spans_and_confidences(tagger):
    entities = [entity for text in tagger.predict(TEXTS) for entity in text]
    return [e.span for e in entities], np.array([e.confidence for e in entities])


@pytest.mark.parametrize("kind", ["torch", "onnx"])
def test_a_stored_temperature_is_loaded_with_the_model_and_changes_confidence_alone(tmp_path, kind):
    model, tokenizer = random_raner(2), tiny_tokenizer()
    write, load = {"torch": (save_raner, load_tagger), "onnx": (export_onnx, load_onnx_tagger)}[kind]
    path = write(model, tokenizer, tmp_path / "model")
    assert stored_temperature(path) == load(path).temperature == 1.0
    spans, before = spans_and_confidences(load(path))
    store_temperature(path, 3.0)
    assert stored_temperature(path) == load(path).temperature == 3.0
    warm_spans, after = spans_and_confidences(load(path))
    assert warm_spans == spans and len(spans) > 5
    assert (after <= before + 1e-6).mean() > 0.9 and after.mean() < before.mean()


def test_what_is_no_temperature_or_no_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no model directory"):
        store_temperature(tmp_path, 2.0)
    (tmp_path / "config.json").write_text(json.dumps({SETTING: "warm"}))
    with pytest.raises(CheckpointError, match="a number is wanted"):
        stored_temperature(tmp_path)
