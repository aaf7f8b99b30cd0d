"""Bands come from measured runs by the stated rule; the committed measurement is of several seeds, and complete."""

import itertools
import json
import math

import pytest

from utils.measure import bands
from utils.measure.bands import SPREAD, rounding_deviation, score_band, seed_deviation
from utils.measure.ledger import Ledger
from utils.studies import seed_spread
from utils.text.corpus import load_corpus

ROWS = [
    {"cut": cut}
    | {name: {"f1": f1, "f1_by_type": {"LOC": 2 * f1 - 100}} for name, f1 in (("fp32", fp32), ("int8", int8))}
    for cut, fp32, int8 in (("a", 80.0, 80.3), ("a", 82.0, 82.3), ("b", 70.0, 69.6), ("b", 74.0, 73.6))
]
MEASURED = json.loads(SPREAD.read_text("utf-8"))
PAIRS = [(a, b) for a, b in itertools.combinations(MEASURED["rows"], 2) if a["cut"] == b["cut"]]


@pytest.fixture
def known(monkeypatch):
    found = {"entities": 400, "entities_by_type": {"LOC": 100}, "rows": ROWS}
    monkeypatch.setattr(bands, "measured_spread", lambda: found)


def test_deviations_by_hand():
    assert seed_deviation(ROWS, "f1") == pytest.approx(math.sqrt((2 + 2 + 8 + 8) / 4))
    assert rounding_deviation(ROWS, "f1") == pytest.approx(math.sqrt((2 * 0.3**2 + 2 * 0.4**2) / 4))


def test_bands_by_hand(known):
    assert score_band("original", "torch-fp32", "f1") == 0.5  # two of 400 entities
    assert score_band("original", "torch-fp32", "f1", "LOC") == 2.0
    rounding = 3 * math.sqrt(2) * rounding_deviation(ROWS, "f1")
    for backend in ("onnx-int8", "torch-bf16"):
        assert score_band("original", backend, "f1") == round(rounding, 2)
        assert score_band("quantized", backend, "f1", "LOC") == pytest.approx(2 * rounding, abs=0.01)
    for backend in ("torch-fp32", "torch-int8"):
        assert score_band("recovered", backend, "f1") == round(3 * math.sqrt(2 * 5), 2)
        assert score_band("recovered", backend, "f1", "LOC") == round(6 * math.sqrt(2 * 5), 2)


def test_a_type_that_was_not_measured_gets_the_strictest_band(known):
    assert {score_band(stage, "torch-int8", "f1", "DATE") for stage in ("quantized", "recovered")} == {0.5}


def test_the_committed_measurement_is_of_five_seeds_on_the_embedded_corpus():
    seeds = {cut: {row["seed"] for row in MEASURED["rows"] if row["cut"] == cut} for cut in seed_spread.TRIED}
    assert all(len(found) >= 5 for found in seeds.values()) and MEASURED["command"].startswith(
        "python -m utils.studies.seed_spread"
    )
    assert MEASURED["machine"].keys() >= {"cpu", "flags", "threads", "versions"}
    gold = [entity.type for sentence in load_corpus().test for entity in sentence.entities]
    assert MEASURED["entities"] == len(gold)
    assert MEASURED["entities_by_type"] == {kind: gold.count(kind) for kind in set(gold)}


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_no_two_measured_runs_breach_each_others_bands(metric):
    band = score_band("recovered", "torch-fp32", metric)
    for a, b in PAIRS:
        assert all(abs(a[arithmetic][metric] - b[arithmetic][metric]) <= band for arithmetic in ("fp32", "int8"))


def test_no_type_of_two_measured_runs_breaches_its_band():
    for a, b in PAIRS:
        for arithmetic, kind in itertools.product(("fp32", "int8"), MEASURED["entities_by_type"]):
            f1, other = (row[arithmetic]["f1_by_type"][kind] for row in (a, b))
            assert abs(f1 - other) <= score_band("recovered", "torch-fp32", "f1", kind)


def test_the_reference_run_trained_on_another_machine_to_within_the_band():
    reference = Ledger(SPREAD.with_name("ledger.json")).row("pruned-quantized", "mini", "torch-int8")
    for row in (row for row in MEASURED["rows"] if row["cut"] == "heads-20"):
        for metric in ("precision", "recall", "f1"):
            assert abs(row["int8"][metric] - reference[metric]) <= score_band("pruned-quantized", "torch-int8", metric)
        for kind, f1 in reference["f1_by_type"].items():
            band = score_band("pruned-quantized", "torch-int8", "f1", kind)
            assert abs(row["int8"]["f1_by_type"][kind] - f1) <= band


def test_every_committed_stage_is_one_of_the_reference_run():
    stages = {row["stage"] for row in Ledger(SPREAD.with_name("ledger.json")).rows()}
    assert stages >= bands.COMMITTED and len(stages - bands.COMMITTED) >= 3
