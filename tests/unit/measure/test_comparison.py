"""Runs that drifted on purpose are caught, metric by metric; runs that may differ pass."""

import copy

import pytest
from ledger_rows import fast, full_row, tiny_model

from utils.measure.bands import score_band
from utils.measure.comparison import check_rows
from utils.measure.ledger import Measured, make_row


def band(metric, kind="") -> float:
    """Of the row `pruned`, a stage that is trained as far as `utils.measure.bands` knows."""
    return score_band("pruned", "torch-fp32", metric, kind)


def run_of_four(slowness: float = 1.0) -> list[dict]:
    """Two stages on two scales, on a machine that is `slowness` times as slow."""
    return [
        full_row(
            stage,
            scale,
            p50=slowness * size * share,
            rss=400 * share,
            file_bytes=int(4000 * size * share),
            times_as_fast=fast(1 / share),
            session=f"at {slowness}",
        )
        for scale, size in (("mini", 1), ("article", 10))
        for stage, share in (("original", 1.0), ("pruned", 0.8))
    ]


SHARES = ("times_as_fast", "memory_ratio")


def breaches(new: list[dict], reference: list[dict], executed=None) -> list[tuple[str, str, str]]:
    return [(v.stage, v.scale, v.metric) for v in check_rows(new, reference, executed) if not v.ok]


def test_a_run_agrees_with_itself_and_with_itself_on_a_slower_machine():
    assert breaches(run_of_four(), run_of_four()) == []
    assert breaches(run_of_four(slowness=7), run_of_four()) == []
    metrics = {verdict.metric for verdict in check_rows(run_of_four(), run_of_four())}
    assert metrics == {
        "heads_per_layer", "ffn_per_layer", "vocabulary", "parameters", "precision", "recall", "f1", "f1 LOC",
        "file_bytes", "base", "times_as_fast", "memory_ratio",
    }  # fmt: skip


def changed(**change) -> list[dict]:
    """A run whose row pruned/mini is changed."""
    rows = copy.deepcopy(run_of_four())
    rows[1] |= change
    return rows


@pytest.mark.parametrize(
    ("metric", "change"),
    [
        ("heads_per_layer", {"heads_per_layer": [4, 3]}),
        ("ffn_per_layer", {"ffn_per_layer": [24, 25]}),
        ("vocabulary", {"vocabulary": 32}),
        ("parameters", {"parameters": 1001}),
        ("precision", {"precision": 80.0 - band("precision") - 0.1}),
        ("recall", {"recall": 70.0 + band("recall") + 0.1}),
        ("f1", {"f1": 74.67 - band("f1") - 0.1}),
        ("f1", {"f1": 74.67 + band("f1") + 0.1}),
        ("f1 LOC", {"f1_by_type": {"LOC": 74.67 - band("f1", "LOC") - 0.1}}),
        ("f1 LOC", {"f1_by_type": None}),
        ("f1 PER", {"f1_by_type": {"LOC": 74.67, "PER": 80.0}}),
        ("file_bytes", {"file_bytes": 3200 * 1.021}),
        ("file_bytes", {"file_bytes": 3200 * 0.979}),
        ("times_as_fast", {"times_as_fast": fast(1.25 * 1.51)}),
        ("times_as_fast", {"times_as_fast": fast(1.25 / 1.51)}),
        ("base", {"times_as_fast": fast(1.25, "original/torch-fp32/packed")}),
        ("memory_ratio", {"rss_mb": 320 * 1.26}),
        ("f1", {"f1": None}),
        ("parameters", {"parameters": None}),
        ("memory_ratio", {"rss_mb": None}),
    ],
)
def test_one_change_is_one_breach_from_either_side(metric, change):
    assert breaches(changed(**change), run_of_four()) == [("pruned", "mini", metric)]
    assert breaches(run_of_four(), changed(**change)) == [("pruned", "mini", metric)]


def test_changes_within_the_bands_pass():
    small = {metric: full_row()[metric] - band(metric) + 0.01 for metric in ("precision", "recall", "f1")}
    small |= {"f1_by_type": {"LOC": 74.67 + band("f1", "LOC") - 0.01}, "file_bytes": 3200 * 1.019, "rss_mb": 320 * 1.24}
    assert breaches(changed(**small, times_as_fast=fast(1.25 * 1.49)), run_of_four()) == []


def test_a_verdict_carries_both_values_and_the_band():
    (verdict,) = (v for v in check_rows(changed(f1=60.0), run_of_four()) if not v.ok)
    assert verdict == ("pruned", "mini", "torch-fp32", "01", "f1", 74.67, 60.0, f"±{band('f1'):g} points", False)


def test_an_untrained_row_has_a_narrower_band_than_a_trained_one():
    moved = [row | {"f1": row["f1"] - 0.5} for row in run_of_four()]
    assert breaches(moved, run_of_four()) == [("original", scale, "f1") for scale in ("mini", "article")]


def test_a_row_on_one_side_only_is_a_breach():
    rows = run_of_four()
    assert breaches(rows[:-1], rows) == [("pruned", "article", "row")]
    assert breaches(rows, rows[:-1]) == [("pruned", "article", "row")]


def test_memory_without_an_original_cannot_pass():
    rows = [row for row in run_of_four() if row["stage"] != "original"]
    assert breaches(rows, rows) == [("pruned", scale, "memory_ratio") for scale in ("mini", "article")]


def test_nor_can_it_on_another_cpu():
    here = [row for row in run_of_four() if row["stage"] != "original"]
    there = [row | {"machine": row["machine"] | {"cpu": "别的处理器"}} for row in run_of_four()]
    for new, old in ((here, there), (there, here)):
        assert ("pruned", "mini", "memory_ratio") in breaches(new, old)


def test_memory_is_a_share_of_the_same_notebooks_original_if_it_has_one():
    own = full_row("pruned", notebook="04", rss=320.0)
    for rows in ([full_row(rss=400.0), own], [full_row(rss=100.0), full_row(rss=400.0, notebook="04"), own]):
        (shown,) = (v for v in check_rows(rows, rows) if (v.stage, v.metric) == ("pruned", "memory_ratio"))
        assert shown.new == 0.8


def test_medians_are_not_compared():
    rows = run_of_four()
    slower = [row | {"latency_ms": {"p50": 9 * row["latency_ms"]["p50"], "p95": 999.0}} for row in rows[1:]]
    assert breaches([rows[0], *slower], rows) == []


def test_rows_of_two_notebooks_are_two_rows():
    rows = [full_row(f1=74.67), full_row(notebook="08", f1=80.0)]
    assert breaches(rows, rows) == []
    assert breaches(rows, [rows[0], rows[1] | {"f1": 60.0}]) == [("original", "mini", "f1")]
    assert breaches(rows[:1], rows) == [("original", "mini", "row")]


@pytest.mark.parametrize("other", [{"cpu": "别的处理器"}, {"flags": ["avx2", "avx512_vnni"]}])
def test_times_and_memory_on_another_cpu_are_shown_and_not_judged(other):
    there = {"times_as_fast": fast(9.0), "rss_mb": 900.0, "machine": full_row()["machine"] | other}
    assert breaches(changed(**there), run_of_four()) == []
    shown = [v for v in check_rows(changed(**there), run_of_four()) if v.band.startswith("another CPU")]
    assert [(v.metric, v.old, v.new) for v in shown] == [("times_as_fast", 1.25, 9.0), ("memory_ratio", 0.8, 2.25)]
    for unmeasured, metric in zip(("times_as_fast", "rss_mb"), SHARES, strict=True):
        assert ("pruned", "mini", metric) in breaches(changed(**there | {unmeasured: None}), run_of_four())


def test_of_a_part_of_the_course_only_its_own_rows_are_missed():
    whole = [*run_of_four(), full_row("later", notebook="10")]
    assert breaches(whole[:-1], whole, executed={"01"}) == []
    assert breaches(whole[:-1], whole, executed={"01", "10"}) == [("later", "mini", "row")]
    assert breaches(whole, whole[:-1], executed={"01"}) == [("later", "mini", "row")]


def test_what_a_clock_cut_may_be_cut_a_little_otherwise():
    rows = [row | {"stage": "pruned-equal"} if row["stage"] == "pruned" else row for row in run_of_four()]

    def other(**change):
        return [rows[0], rows[1] | change, *rows[2:]]

    counts = {"heads_per_layer": [4, 3], "ffn_per_layer": [24, 25], "parameters": 1090, "file_bytes": 3500}
    assert breaches(other(**counts), rows) == []
    assert breaches(other(parameters=1110), rows) == [("pruned-equal", "mini", "parameters")]
    assert breaches(other(heads_per_layer=None), rows) == [("pruned-equal", "mini", "heads_per_layer")]


def test_what_neither_run_measured_is_not_judged():
    rows = [make_row("original", "01", "mini", "torch-fp32", Measured(tiny_model()))]
    assert {v.metric for v in check_rows(rows, rows)} == {
        "heads_per_layer", "ffn_per_layer", "vocabulary", "parameters",
    }  # fmt: skip
