"""The audit reads the right numbers off the right rows, and each verdict can be had for a reason only."""

import itertools
import json
import math
import re

import pytest
import torch
from ledger_rows import full_row
from torch import nn
from transformers import BertConfig

from utils.compress.pruning.cost import cost_of_shares
from utils.files import DATA
from utils.measure import claim_list
from utils.measure.claim import NEUTRAL, Direction, Tolerance, answer
from utils.measure.claim_list import BOTH8, CLAIMS, CUT, LINEAR8, ONNX8, ONNX32, TORCH8
from utils.measure.claims import AUDIT_HEADER, CANNOT, FAILS, HOLDS, UNKNOWN, UNSURE, audit, audit_cells
from utils.measure.row import ORIGINAL
from utils.measure.verdict import Estimate, Verdict
from utils.model.raner import RanerModel

BASE = "original/torch-fp32/whole"
VNNI = {"cpu": "某处理器", "flags": ["avx2", "avx512f", "avx512_vnni"], "cores": 2, "threads": 2, "versions": {}}

TABLE = {TORCH8: (140, 310, 0.8, 110), BOTH8: (100, 330, 1.2, 90), ONNX8: (85, 290, 1.0, 110)}
"""Milliseconds, MB of memory, points lost and MB of file of the article's smaller versions."""


def estimate(value, by=0.0):
    return {"value": value, "low": value - by, "high": value + by}


def row(stage, backend, scale="article", notebook="08", faster=None, **columns):
    times = {"times_as_fast": {"base": BASE} | estimate(faster, 0.01 * faster)} if faster else {"times_as_fast": None}
    return full_row(stage, scale, backend, notebook=notebook, machine=VNNI, session="s", **times) | columns


def article_run(worse=1.0):
    """The article's own numbers as ledger rows, the smaller models `worse` times as bad."""
    original = {"heads_per_layer": [12] * 12, "parameters": 10**8, "file_bytes": 420 * 10**6, "rss_mb": 820}
    rows = [row(*ORIGINAL, faster=1, **original), row(*ONNX32, faster=85 * 4 / 320)]
    for version, (ms, memory, lost, size) in TABLE.items():
        faster = 320 / (worse * ms)
        rows.append(row(*version, faster=faster, rss_mb=worse * memory, file_bytes=worse * size * 10**6))
        rows.append(row(*version, "mini", f1_difference={"base": "original"} | estimate(-worse * lost)))
    rows += [row(*LINEAR8, file_bytes=worse * 109 * 10**6)]
    rows += [row(*CUT, faster=1.36 / worse, parameters=(1 - 0.18 / worse) * 10**8)]
    return [*rows, row(*CUT, "mini", f1_difference={"base": "original"} | estimate(-worse * 1.2))]


def removals(upper=3.0, lower=1.0, by=0.1):
    """A study in which layers 9 to 12 cost `upper` points each and the others `lower`."""
    return [
        {"stage": f"attention of layer {n}", "difference": {"f1": -x, "low": -x - by, "high": -x + by}}
        for n in range(1, 13)
        for x in [upper if n >= 9 else lower]
    ]


def changed(rows, version, scale="article", **columns):
    return [r | columns if (r["scale"], r["stage"], r["backend"]) == (scale, *version) else r for r in rows]


def audited(says, rows, study=(), unit=None):
    (found,) = [a for a in audit(rows, study) if a.claim.says == says and unit in (None, a.claim.unit)]
    return found


NOWHERE = {claim for claim in CLAIMS if claim.reading is None}


WORDS = {50: "内存减半", 0: "可优先保留第 9–12 层的注意力头"}
"""What two claims say in words: half, and that something costs more than nothing."""


def arithmetic(quoted):
    """All that one step makes of the numbers of a quotation: a share as percent, a rise as a factor, a pair."""
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", quoted)]
    alone = [made for n in numbers for made in (n, 100 * n, 1 + n / 100)]
    pairs = [made for a, b in itertools.permutations(numbers, 2) for made in (a - b, a / b, 100 * a / b)]
    return alone + pairs


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.says)
def test_what_is_claimed_follows_from_what_is_quoted(claim):
    quoted = " ".join(quote.text for quote in claim.quotes)
    assert claim.claimed in map(pytest.approx, arithmetic(quoted)) or WORDS[claim.claimed] in quoted


def test_the_articles_own_numbers_confirm_every_claim_but_one():
    """Of 420 MB, 110 are 74 % less, and not 75."""
    found = audit(article_run(), removals())
    assert {a.verdict for a in found if a.claim in NOWHERE} == {UNKNOWN, CANNOT}
    others = {(a.claim.says, a.verdict) for a in found if a.claim not in NOWHERE and a.verdict != HOLDS}
    assert others == {("INT8: room for the parameters", FAILS)}


SAME = {"layers", "heads in each layer", "the original's file", "the original's peak memory"}
SAME |= {"keep the heads of layers 9 to 12: their loss costs more", "ONNX Runtime against torch, both INT8"}
SAME |= {"pruning adds memory to the quantised model", "pruned and quantised: F1 lost"}


def test_a_claimed_number_is_the_one_that_the_articles_table_gives():
    read = {(a.claim.says, a.claim.unit): a for a in audit(article_run(), removals())}
    table = ["INT8 with torch", "pruned and quantised", "INT8 with ONNX Runtime", "a fifth of the heads gone: F1 lost",
             "INT8 with torch: peak memory", "INT8 with ONNX Runtime: peak memory", "INT8 with ONNX Runtime: F1 lost",
             "pruning adds memory to the quantised model", "ONNX Runtime against torch, both INT8",
             "pruned and quantised: F1 lost"]  # fmt: skip
    for (says, _), found in read.items():
        if says in table:
            assert found.measured.value == pytest.approx(found.claim.claimed, rel=1e-9), says


def test_a_run_that_is_twice_as_bad_confirms_none_of_them():
    for found in audit(article_run(worse=2), removals()):
        if found.claim not in NOWHERE and found.claim.says not in SAME:
            assert found.verdict in (FAILS, CANNOT), found.claim.says


def test_less_memory_is_not_more_whatever_the_tolerance():
    """98.7 % of the memory was once said to confirm that pruning adds 6 %, because a tenth was forgiven."""
    says = "pruning adds memory to the quantised model"
    for megabytes, expected in {0.987 * 310: FAILS, 310: FAILS, 1.02 * 310: HOLDS, 330: HOLDS}.items():
        assert audited(says, changed(article_run(), BOTH8, rss_mb=megabytes)).verdict == expected, megabytes


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.unit in NEUTRAL], ids=lambda c: c.says)
def test_no_tolerance_reaches_as_far_as_no_change(claim):
    generous = claim._replace(tolerance=Tolerance(1e6, "a test"))
    neutral = NEUTRAL[claim.unit]
    better = neutral + (claim.claimed - neutral) / 1e3
    assert (claim.claimed > neutral) == (claim.direction is Direction.AT_LEAST)
    assert answer(generous, Estimate(neutral, neutral, neutral)) is Verdict.NO
    assert answer(generous, Estimate(better, better, better)) is Verdict.YES


@pytest.mark.parametrize(("megabytes", "expected"), [(398, FAILS), (400, HOLDS), (440, HOLDS), (442, FAILS)])
def test_about_has_two_sides(megabytes, expected):
    rows = changed(article_run(), ORIGINAL, file_bytes=megabytes * 10**6)
    assert audited("the original's file", rows).verdict == expected


@pytest.mark.parametrize(("low", "high", "expected"), [(2.2, 2.4, HOLDS), (1.9, 2.4, UNSURE), (1.0, 1.9, FAILS)])
def test_a_time_is_judged_by_its_interval(low, high, expected):
    times = {"base": BASE, "value": (low + high) / 2, "low": low, "high": high}
    rows = changed(article_run(), TORCH8, times_as_fast=times)
    assert audited("INT8 with torch", rows).verdict == expected
    saved = audited("INT8 with torch: time", rows)
    assert (saved.measured.low, saved.measured.high) == pytest.approx((100 - 100 / low, 100 - 100 / high))


@pytest.mark.parametrize(("low", "high", "expected"), [(-0.8, 0.3, HOLDS), (-1.5, 0.3, UNSURE), (-3.0, -1.5, FAILS)])
def test_a_loss_is_judged_by_the_interval_of_the_difference(low, high, expected):
    difference = {"base": "original", "value": (low + high) / 2, "low": low, "high": high}
    found = audited("INT8 with torch: F1 lost", changed(article_run(), TORCH8, "mini", f1_difference=difference))
    assert found.verdict == expected and (found.measured.low, found.measured.high) == (-high, -low)


def test_times_of_two_sessions_are_not_divided():
    says = "ONNX Runtime against torch, both INT8"
    apart = audited(says, changed(article_run(), ONNX8, session="another"))
    assert (apart.verdict, apart.measured) == (UNKNOWN, None) and "session" in apart.because
    without = audited(says, changed(changed(article_run(), ONNX8, session=None), TORCH8, session=None))
    assert without.verdict == UNKNOWN


def test_the_interval_of_a_quotient_holds_every_pair_of_both():
    found = audited("ONNX Runtime against torch, both INT8", article_run()).measured
    slow, fast = ([0.99 * x, x, 1.01 * x] for x in (320 / 140, 320 / 85))
    quotients = [b / a for a, b in itertools.product(slow, fast)]
    assert (found.low, found.high) == pytest.approx((min(quotients), max(quotients)))


def test_a_row_whose_session_began_with_another_version_is_no_comparison_with_the_original():
    other = {"base": "heads-50/torch-fp32/whole"} | estimate(3.0)
    rows = changed(article_run(), TORCH8, times_as_fast=other)
    assert audited("INT8 with torch", rows).verdict == UNKNOWN
    rows.append(row(*TORCH8, notebook="06", faster=2.5))
    assert audited("INT8 with torch", rows).measured.value == 2.5


def test_of_several_notebooks_rows_the_last_one_speaks():
    rows = [row(*TORCH8, notebook="06", faster=1.1), *article_run(), row(*TORCH8, notebook="07", faster=1.1)]
    assert audited("INT8 with torch", rows).measured.value == pytest.approx(320 / 140)


def test_what_is_said_of_avx512_is_not_judged_on_another_cpu():
    says = "INT8 against float32, in one engine"
    here = audited(says, article_run())
    assert (here.verdict, here.cpu) == (HOLDS, "AVX-512 VNNI")
    old = audited(says, changed(article_run(), ONNX8, machine=VNNI | {"flags": ["avx2"]}))
    assert (old.verdict, old.cpu) == (UNKNOWN, "AVX2") and "AVX-512" in old.because


def test_a_speed_names_the_cpu_that_it_was_measured_on_and_a_size_does_not():
    assert audited("INT8 with torch", article_run()).cpu == "AVX-512 VNNI"
    assert audited("INT8 of the linear layers: the file", article_run(), unit="MB").cpu == "any"


def test_arithmetic_is_that_of_a_bert_base():
    """Against the parameters of such a network, made without memory for its weights, and against the cost of a cut."""
    config = BertConfig(vocab_size=21_128, id2label=dict.fromkeys(range(13), "x"))
    with torch.device("meta"):
        model = RanerModel(config)
    count = sum(p.numel() for p in model.parameters())
    linear = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear))
    cut = cost_of_shares(config, 500, heads=0.75).parameters
    assert count == claim_list.PARAMETERS and 4 * count - 3 * linear == claim_list.LINEAR_BYTES
    assert pytest.approx((count - cut) * 0.2 / 0.25) == claim_list.FIFTH


IMPOSSIBLE = {
    ("INT8 of the linear layers: the file", "MB"), ("INT8 of the linear layers: the file", "% smaller"),
    ("heads that prune_ratio=0.2 takes", "% of the heads"), ("a fifth of the heads gone: parameters", "% fewer"),
    ("pruned and quantised: the file", "MB"), ("pruned and quantised: the file", "% smaller"),
    ("all together: the file", "% smaller"),
}  # fmt: skip


def test_what_arithmetic_forbids_cannot_hold_measured_or_not():
    for rows in ([], article_run(worse=2)):
        assert {(a.claim.says, a.claim.unit) for a in audit(rows, ()) if a.verdict == CANNOT} == IMPOSSIBLE


@pytest.mark.parametrize(
    ("upper", "lower", "by", "expected"), [(3, 1, 0.1, HOLDS), (1, 3, 0.1, FAILS), (1.2, 1, 0.2, UNSURE)]
)
def test_layers_9_to_12_are_held_against_the_others(upper, lower, by, expected):
    found = audited("keep the heads of layers 9 to 12: their loss costs more", [], removals(upper, lower, by))
    assert found.verdict == expected and found.measured.value == pytest.approx(upper - lower)
    assert found.measured.high - found.measured.low == pytest.approx(4 * by)


def test_a_study_without_a_layer_does_not_speak():
    assert audited("keep the heads of layers 9 to 12: their loss costs more", [], removals()[1:]).verdict == UNKNOWN


def test_what_was_not_measured_says_why():
    for found in audit([], ()):
        assert found.measured is None and found.verdict in (UNKNOWN, CANNOT) and found.because
    assert "run the notebook" in audited("INT8 with torch", []).because
    assert "notebook 09" in audited("requests at a time on one machine", article_run()).because


def test_cells_show_marks_directions_and_intervals():
    cells = {(line[1], line[4]): line for line in audit_cells(audit(article_run(), ()))}
    assert {len(line) for line in cells.values()} == {len(AUDIT_HEADER)}
    assert cells["INT8 with torch", "times as fast"][:7] == (
        "3.2, 4.1", "INT8 with torch", "at least 2.29", "2.29 [2.26, 2.31]", "times as fast", "AVX-512 VNNI", "✓ holds",
    )  # fmt: skip
    assert cells["the original's time", "ms"][3:7] == ("–", "ms", "any", "– not measured")
    marks = {line[6] for worse in (1.1, 2) for line in audit_cells(audit(article_run(worse), ()))}
    assert {"✓ holds", "✗ does not hold", "✗ cannot hold", "– not measured"} <= marks
    unsure = changed(article_run(), TORCH8, times_as_fast={"base": BASE} | estimate(2.1, 1))
    assert "? cannot tell" in {line[6] for line in audit_cells(audit(unsure, ()))}


def test_every_claim_has_its_words_a_reason_and_a_tolerance_with_a_reason():
    quotations = {(q["section"], q["text"]) for q in json.loads((DATA / "quotations.json").read_text("utf-8"))}
    for claim in CLAIMS:
        assert claim.quotes and set(claim.quotes) <= quotations, claim.says
        assert claim.reason and claim.tolerance.reason and claim.tolerance.amount >= 0
        assert math.isfinite(claim.claimed) and claim.section in ", ".join(sorted({q[0] for q in claim.quotes}))
