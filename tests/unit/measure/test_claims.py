"""The audit reads the right numbers off the right rows, and each verdict can be had."""

import copy
import math

import pytest

from utils.compress.pruning.cost import cost_by_part, predict_cost
from utils.files import DATA
from utils.measure.claims import AUDIT_HEADER, CANNOT, CLAIMS, FAILS, HOLDS, ONNX8, UNKNOWN, audit, audit_cells
from utils.measure.ledger import Ledger
from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.pruned_shape import PruningMap, pruning_map
from utils.model.twin import article_twin


@pytest.fixture(scope="module")
def reference():
    return Ledger(DATA / "reference" / "ledger.json").rows()


def row(rows, scale, stage, backend):
    return next(r for r in rows if (r["scale"], r["stage"], r["backend"]) == (scale, stage, backend))


def verdicts(rows):
    return {a.claim.says: a.verdict for a in audit(rows)}


def test_a_run_that_measures_the_article_word_for_word_confirms_it_but_for_its_contradictions(reference):
    """The article's own table as ledger rows: costs from its times, sizes and scores."""
    rows = copy.deepcopy(reference)
    table = {
        ("original", "torch-fp32"): (320, 820, 94.3, 420e6),
        ("quantized", "torch-int8"): (140, 310, 93.5, 110e6),
        ("pruned-quantized", "torch-int8"): (100, 330, 93.1, 90e6),
        ("quantized", "onnx-int8"): (85, 290, 93.3, 110e6),
    }
    for (stage, backend), (ms, memory, f1, size) in table.items():
        row(rows, "article", stage, backend).update(latency_ms={"p50": ms, "p95": ms}, rss_mb=memory, file_bytes=size)
        row(rows, "mini", stage, backend)["f1"] = f1
    row(rows, "article", "quantized-linear", "torch-int8")["file_bytes"] = 110e6
    row(rows, "article", "heads-20", "torch-fp32").update(
        parameters=round(0.82 * row(rows, "article", "original", "torch-fp32")["parameters"]),
        latency_ms={"p50": 320 / 1.35, "p95": 320},
    )
    assert set(verdicts(rows).values()) == {HOLDS}


def test_what_is_called_impossible_is_impossible():
    """By the cost of BERT-base: no choice of a fifth of the heads, and no INT8 that leaves the word embedding alone."""
    big = article_twin(load_raner(MINI_RANER)[0])
    whole = pruning_map(big.config)
    fifth = PruningMap([heads[: math.ceil(0.8 * 12)] for heads in whole.heads], whole.neurons, whole.tokens)
    fewer = 1 - predict_cost(big.config, fifth, 500).parameters / predict_cost(big.config, whole, 500).parameters
    embeddings = cost_by_part(big.config, whole, 500)["embeddings"].parameters
    smallest = 4 * embeddings + (big.num_parameters() - embeddings)
    claimed = {claim.claimed for claim in CLAIMS if claim.impossible}
    assert claimed == {110, 18}
    assert 100 * fewer < 0.9 * 18 and smallest / 1e6 > 1.1 * 110


def test_a_cost_claim_turns_with_the_row_that_it_reads_and_no_other_does(reference):
    fast = copy.deepcopy(reference)
    for version, ms in {("original", "torch-fp32"): 320, ("quantized", "torch-int8"): 140, ONNX8: 85}.items():
        row(fast, "article", *version)["latency_ms"] = {"p50": ms, "p95": ms}
    slow = copy.deepcopy(fast)
    row(slow, "article", *ONNX8)["latency_ms"] = {"p50": 1e6, "p95": 1e6}
    before, after = verdicts(fast), verdicts(slow)
    turned = {says: (before[says], after[says]) for says in before if before[says] != after[says]}
    assert turned == dict.fromkeys(["INT8 with ONNX Runtime", "ONNX Runtime against torch, both INT8"], (HOLDS, FAILS))


def test_a_row_that_is_not_there_has_no_verdict(reference):
    without = [r for r in reference if r["stage"] != "quantized-linear"]
    found = verdicts(without)
    assert [says for says, verdict in found.items() if verdict == UNKNOWN] == ["INT8 of the linear layers: the file"]
    assert verdicts(reference)["INT8 of the linear layers: the file"] == CANNOT
    assert set(verdicts([]).values()) == {UNKNOWN}


def test_cells_fit_their_header(reference):
    for rows in (reference, []):
        assert {len(cells) for cells in audit_cells(audit(rows))} == {len(AUDIT_HEADER)}
