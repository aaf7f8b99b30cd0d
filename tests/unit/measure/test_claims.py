"""The audit reads the right numbers off the right rows, and each verdict can be had."""

import copy
import math

import pytest

from utils.compress.pruning.cost import cost_by_part, predict_cost
from utils.files import DATA
from utils.measure.claims import AUDIT_HEADER, CANNOT, CLAIMS, FAILS, HOLDS, ONNX8, UNKNOWN, audit, audit_cells
from utils.measure.ledger import Ledger
from utils.measure.row import ORIGINAL
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


def article_run(reference, worse=1.0):
    """The article's own table as ledger rows: what it says of each smaller model, `worse` times as bad."""
    rows = copy.deepcopy(reference)
    table = {
        ("quantized", "torch-int8"): (140, 310, 0.8, 110e6),
        ("pruned-quantized", "torch-int8"): (100, 330, 1.2, 90e6),
        ("quantized", "onnx-int8"): (85, 290, 1.0, 110e6),
    }
    smaller = {version: [worse * number for number in numbers] for version, numbers in table.items()}
    for version, (ms, memory, lost, size) in (smaller | {ORIGINAL: (320, 820, 0, 420e6)}).items():
        row(rows, "article", *version).update(latency_ms={"p50": ms, "p95": ms}, rss_mb=memory, file_bytes=size)
        row(rows, "mini", *version)["f1"] = 94.3 - lost
    row(rows, "article", "quantized-linear", "torch-int8")["file_bytes"] = worse * 110e6
    row(rows, "article", "heads-20", "torch-fp32").update(
        parameters=round((1 - 0.18 / worse) * row(rows, "article", *ORIGINAL)["parameters"]),
        latency_ms={"p50": worse * 320 / 1.35, "p95": 320},
    )
    return rows


def test_a_claim_is_a_number_of_the_articles_table(reference):
    for said in audit(article_run(reference)):
        assert said.claim.claimed == pytest.approx(said.measured, rel=1e-3), said.claim.says


@pytest.mark.parametrize("worse", [0.5, 1.0, 1.09])
def test_a_run_that_measures_the_articles_numbers_or_better_ones_confirms_it(reference, worse):
    """The article's times spread by 5 %; twice that is forgiven."""
    assert set(verdicts(article_run(reference, worse)).values()) == {HOLDS}


UNMOVED = {
    "the original's file": HOLDS,
    "ONNX Runtime against torch, both INT8": HOLDS,
    "pruning adds memory to the quantised model": HOLDS,
    "INT8 of the linear layers: the file": CANNOT,
    "a fifth of the heads gone: parameters": CANNOT,
}
"""Claims that do not turn when all smaller models get worse alike, and those that can only be impossible."""


@pytest.mark.parametrize(
    ("worse", "others"),
    [(1.13, {"pruned and quantised: the file": HOLDS}), (2.0, {})],  # 90 MB of 420 times 1.13 are 76 % less
)
def test_a_run_that_is_worse_by_more_than_a_tenth_does_not(reference, worse, others):
    found = verdicts(article_run(reference, worse))
    assert found == dict.fromkeys(found, FAILS) | UNMOVED | others


@pytest.mark.parametrize(("megabytes", "verdict"), [(370, FAILS), (385, HOLDS), (455, HOLDS), (470, FAILS)])
def test_the_size_of_the_original_may_stray_by_a_tenth_either_way(reference, megabytes, verdict):
    rows = copy.deepcopy(reference)
    row(rows, "article", *ORIGINAL)["file_bytes"] = megabytes * 10**6
    assert verdicts(rows)["the original's file"] == verdict


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


def test_a_cell_is_a_number_of_three_digits_or_a_dash_and_then_the_remedy(reference):
    article = {cells[0]: cells for cells in audit_cells(audit(article_run(reference)))}
    assert article["INT8 with torch"][1:5] == ("2.29", "2.29", "times as fast", HOLDS)
    (cells,) = {cells[2:] for cells in audit_cells(audit([])) if cells[0] == "INT8 with torch"}
    assert cells == ("–", "times as fast", UNKNOWN, "run the notebook that measures it")


def test_cells_fit_their_header(reference):
    for rows in (reference, []):
        assert {len(cells) for cells in audit_cells(audit(rows))} == {len(AUDIT_HEADER)}
