"""Rows that are wrong on purpose are refused; runs that drifted on purpose are caught."""

import copy
import json
import os

import pytest
import torch
from transformers import BertConfig

from utils.measure.bands import FACTORS, score_band
from utils.measure.comparison import check_rows
from utils.measure.evaluation import Evaluation
from utils.measure.latency import Latency
from utils.measure.ledger import COLUMNS, Ledger, LedgerError, check_row, make_row
from utils.measure.memory import Memory
from utils.measure.scores import entity_scores
from utils.model.raner import RanerModel
from utils.text.entities import Span, annotate
from utils.text.tags import RANER_LABELS

MACHINE = {
    "cpu": "某处理器", "flags": ["avx2"], "cores": 2, "logical_cores": 4, "threads": 1, "memory_mb": 8000,
    "versions": {"torch": "2"},
}  # fmt: skip


def tiny_model(**settings) -> RanerModel:
    torch.manual_seed(0)
    return RanerModel(
        BertConfig(
            vocab_size=31, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
            max_position_embeddings=16, id2label=dict(enumerate(RANER_LABELS)), **settings,
        )
    )  # fmt: skip


def full_row(stage="original", scale="mini", backend="torch-fp32", p50=20.0, rss=400.0, **changes) -> dict:
    row = dict.fromkeys(COLUMNS) | {
        "stage": stage, "notebook": "01", "scale": scale, "backend": backend, "heads_per_layer": [4, 4],
        "ffn_per_layer": [24, 24], "vocabulary": 31, "parameters": 1000, "file_bytes": 4000, "precision": 80.0,
        "recall": 70.0, "f1": 74.67, "f1_low": 70.0, "f1_high": 79.0, "f1_by_type": {"LOC": 74.67},
        "latency_ms": {"p50": p50, "p95": p50 * 1.5}, "rss_mb": rss,
        "machine": {key: MACHINE[key] for key in ("cpu", "flags", "cores", "threads", "versions")},
    }  # fmt: skip
    return row | changes


def test_a_row_of_names_alone_leaves_the_rest_null():
    row = make_row("original", "01", "mini", "torch-fp32")
    assert tuple(row) == COLUMNS
    assert [key for key in row if row[key] is not None] == ["stage", "notebook", "scale", "backend"]


def test_make_row_takes_the_measured_numbers(tmp_path):
    sentences = [annotate("王伟在北京", [Span(0, 2, "PER"), Span(3, 5, "LOC")])]
    predictions = [[sentences[0].entities[0]]]
    evaluation = Evaluation(entity_scores(sentences, predictions), 61.0, 72.0, predictions)
    (tmp_path / "weights").write_bytes(b"x" * 77)
    row = make_row(
        "original", "01", "mini", "torch-fp32", evaluation=evaluation, latency=Latency(1.25, 2.5, 0.1, (1.25,)),
        memory=Memory(310.0, 290.0), path=tmp_path, machine=MACHINE,
    )  # fmt: skip
    assert (row["precision"], row["recall"], row["f1"]) == (100, 50, 66.67)
    assert (row["f1_low"], row["f1_high"], row["f1_by_type"]) == (61, 72, {"LOC": 0, "PER": 100})
    assert (row["latency_ms"], row["rss_mb"], row["file_bytes"]) == ({"p50": 1.25, "p95": 2.5}, 310, 77)
    assert row["machine"] == {key: MACHINE[key] for key in ("cpu", "flags", "cores", "threads", "versions")}


def test_make_row_counts_the_shapes_of_a_whole_and_of_a_pruned_model():
    whole = make_row("original", "01", "mini", "torch-fp32", model=tiny_model())
    pruned_model = tiny_model(kept_heads=[[1, 3], []], kept_neurons=[[0, 1, 2], list(range(24))])
    pruned = make_row("pruned", "04", "mini", "torch-fp32", model=pruned_model)
    assert (whole["heads_per_layer"], whole["ffn_per_layer"], whole["vocabulary"]) == ([4, 4], [24, 24], 31)
    assert (pruned["heads_per_layer"], pruned["ffn_per_layer"]) == ([2, 0], [3, 24])
    no_neurons = make_row("pruned", "04", "mini", "torch-fp32", model=tiny_model(kept_neurons=[[], [5]]))
    assert (no_neurons["heads_per_layer"], no_neurons["ffn_per_layer"]) == ([4, 4], [0, 1])
    head = 3 * (16 * 4 + 4) + 4 * 16  # query, key, value and their biases; output columns
    assert whole["parameters"] - pruned["parameters"] == 6 * head + 21 * (16 + 1 + 16)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speed": 3}, "unknown keys speed"),
        ({"scale": "tiny"}, "scale 'tiny' is not one of mini, article"),
        ({"backend": "torch"}, "backend 'torch' is not one of torch-fp32"),
        ({"stage": ""}, "stage is ''"),
        ({"notebook": 1}, "notebook is 1"),
        ({"latency_ms": {"p50": 0, "p95": 1}}, "latency_ms: p50 is 0; it must be above 0, and None"),
        ({"latency_ms": {"p50": 1}}, "latency_ms: keys p95 are absent"),
        ({"latency_ms": 7}, "latency_ms is 7, expected the keys p50, p95"),
        ({"rss_mb": 0}, "rss_mb is 0"),
        ({"rss_mb": True}, "rss_mb is True"),
        ({"rss_mb": float("nan")}, "rss_mb is nan"),
        ({"file_bytes": -1}, "file_bytes is -1"),
        ({"parameters": "many"}, "parameters is 'many'"),
        ({"f1": 101}, "f1 is 101, expected points"),
        ({"f1": float("nan")}, "f1 is nan"),
        ({"f1_by_type": {"LOC": -1}}, "f1_by_type: LOC is -1"),
        ({"machine": {"cpu": "x"}}, "machine: keys flags, cores, threads, versions are absent"),
        ({"machine": MACHINE}, "machine: unknown keys logical_cores, memory_mb"),
    ],
)
def test_a_wrong_row_is_refused_with_its_name_and_the_reason(change, message):
    with pytest.raises(LedgerError, match="row .*torch") as caught:
        check_row(full_row() | change)
    assert message in str(caught.value)


def test_an_absent_key_is_refused_and_a_null_is_not():
    row = full_row()
    check_row(row | {"latency_ms": None, "f1": None, "f1_by_type": None, "machine": None, "rss_mb": None})
    del row["rss_mb"]
    with pytest.raises(LedgerError, match="keys rss_mb are absent"):
        check_row(row)


def test_an_f1_of_zero_is_a_measurement():
    check_row(full_row(f1=0.0, precision=0.0, recall=0.0))


def test_rows_come_back_as_they_went_in(tmp_path):
    book = Ledger(tmp_path / "new" / "ledger.json")
    assert book.rows() == []
    rows = [full_row(), full_row("pruned"), full_row(scale="article"), full_row(backend="onnx-int8")]
    for row in rows:
        book.append(row)
    assert book.rows() == rows
    assert book.row("original", "mini", "onnx-int8") == rows[3]
    assert json.loads(book.path.read_text("utf-8")) == rows
    assert "某处理器" in book.path.read_text("utf-8")


def test_the_same_name_replaces_in_place(tmp_path):
    book = Ledger(tmp_path / "ledger.json")
    for row in (full_row(), full_row("pruned"), full_row(f1=60.0)):
        book.append(row)
    assert [(row["stage"], row["f1"]) for row in book.rows()] == [("original", 60.0), ("pruned", 74.67)]


def test_an_absent_row_is_an_error_that_names_those_there_are(tmp_path):
    book = Ledger(tmp_path / "ledger.json")
    book.append(full_row())
    with pytest.raises(LedgerError, match="no row pruned/mini/torch-fp32; there are: original/mini/torch-fp32"):
        book.row("pruned", "mini", "torch-fp32")


def test_a_refused_row_or_a_failed_write_leaves_the_ledger_as_it_was(tmp_path, monkeypatch):
    book = Ledger(tmp_path / "ledger.json")
    book.append(full_row())
    before = book.path.read_bytes()
    with pytest.raises(LedgerError):
        book.append(full_row("pruned", rss=0))

    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        book.append(full_row("pruned"))
    assert book.path.read_bytes() == before


def test_the_file_appears_whole_under_its_name(tmp_path, monkeypatch):
    """What is moved into place is already complete, and lies in the same directory."""
    book, seen = Ledger(tmp_path / "ledger.json"), []
    replace = os.replace

    def watch(source, target):
        seen.append((source.parent == target.parent, len(json.loads(source.read_text("utf-8")))))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    book.append(full_row())
    book.append(full_row("pruned"))
    assert seen == [(True, 1), (True, 2)]
    assert os.listdir(tmp_path) == ["ledger.json"]


@pytest.mark.parametrize("text", ["[{", "{}", "[1]", '[{"stage": "original"}]', "\udcff"])
def test_a_broken_ledger_is_named_and_not_overwritten(tmp_path, text):
    path = tmp_path / "ledger.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="ledger.json"):
        Ledger(path).append(full_row())
    assert path.read_bytes() == before


def band(metric, kind="") -> float:
    """Of the row `pruned`, a stage that is trained as far as `utils.measure.bands` knows."""
    return score_band("pruned", "torch-fp32", metric, kind)


def run_of_four(slowness: float = 1.0) -> list[dict]:
    """Two stages on two scales, on a machine that is `slowness` times as slow."""
    return [
        full_row(stage, scale, p50=slowness * size * share, rss=400 * share, file_bytes=int(4000 * size * share))
        for scale, size in (("mini", 1), ("article", 10))
        for stage, share in (("original", 1.0), ("pruned", 0.8))
    ]


SHARES = ("latency_ratio", "memory_ratio")


def breaches(new: list[dict], reference: list[dict], executed=None) -> list[tuple[str, str, str]]:
    return [(v.stage, v.scale, v.metric) for v in check_rows(new, reference, executed) if not v.ok]


def test_a_run_agrees_with_itself_and_with_itself_on_a_slower_machine():
    assert breaches(run_of_four(), run_of_four()) == []
    assert breaches(run_of_four(slowness=7), run_of_four()) == []
    metrics = {verdict.metric for verdict in check_rows(run_of_four(), run_of_four())}
    assert metrics == {
        "heads_per_layer", "ffn_per_layer", "vocabulary", "parameters", "precision", "recall", "f1", "f1 LOC",
        "file_bytes", "latency_ratio", "memory_ratio",
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
        ("latency_ratio", {"latency_ms": {"p50": 0.8 * FACTORS["latency_ratio"] * 1.01, "p95": 99.0}}),
        ("latency_ratio", {"latency_ms": {"p50": 0.8 / FACTORS["latency_ratio"] * 0.99, "p95": 99.0}}),
        ("memory_ratio", {"rss_mb": 320 * FACTORS["memory_ratio"] * 1.01}),
        ("f1", {"f1": None}),
        ("parameters", {"parameters": None}),
        ("latency_ratio", {"latency_ms": None}),
        ("memory_ratio", {"rss_mb": None}),
    ],
)
def test_one_change_is_one_breach_from_either_side(metric, change):
    assert breaches(changed(**change), run_of_four()) == [("pruned", "mini", metric)]
    assert breaches(run_of_four(), changed(**change)) == [("pruned", "mini", metric)]


def test_changes_within_the_bands_pass():
    small = {metric: full_row()[metric] - band(metric) + 0.01 for metric in ("precision", "recall", "f1")}
    small |= {"f1_by_type": {"LOC": 74.67 + band("f1", "LOC") - 0.01}, "file_bytes": 3200 * 1.019, "rss_mb": 320 * 1.2}
    assert breaches(changed(**small, latency_ms={"p50": 0.8 * 1.4, "p95": 99.0}), run_of_four()) == []


def test_a_verdict_carries_both_values_and_the_band():
    (verdict,) = (v for v in check_rows(changed(f1=60.0), run_of_four()) if not v.ok)
    assert verdict == ("pruned", "mini", "torch-fp32", "f1", 74.67, 60.0, f"±{band('f1'):g} points", False)


def test_an_untrained_row_has_a_narrower_band_than_a_trained_one():
    moved = [row | {"f1": row["f1"] - 0.5} for row in run_of_four()]
    assert breaches(moved, run_of_four()) == [("original", scale, "f1") for scale in ("mini", "article")]


def test_a_row_on_one_side_only_is_a_breach():
    rows = run_of_four()
    assert breaches(rows[:-1], rows) == [("pruned", "article", "row")]
    assert breaches(rows, rows[:-1]) == [("pruned", "article", "row")]


def test_times_without_an_original_cannot_pass():
    rows = [row for row in run_of_four() if row["stage"] != "original"]
    assert breaches(rows, rows) == [("pruned", scale, metric) for scale in ("mini", "article") for metric in SHARES]


def test_nor_can_they_on_another_cpu():
    here = [row for row in run_of_four() if row["stage"] != "original"]
    there = [row | {"machine": row["machine"] | {"cpu": "别的处理器"}} for row in run_of_four()]
    for new, old in ((here, there), (there, here)):
        assert {("pruned", "mini", metric) for metric in SHARES} <= set(breaches(new, old))


def test_times_are_compared_with_the_original_on_their_own_scale():
    slower = [row | {"latency_ms": {"p50": 3 * row["latency_ms"]["p50"], "p95": 999.0}} for row in run_of_four()[2:]]
    assert breaches(run_of_four()[:2] + slower, run_of_four()) == []


@pytest.mark.parametrize("other", [{"cpu": "别的处理器"}, {"flags": ["avx2", "avx512_vnni"]}])
def test_times_and_memory_on_another_cpu_are_shown_and_not_judged(other):
    there = {"latency_ms": {"p50": 8.0, "p95": 9.0}, "rss_mb": 900.0, "machine": full_row()["machine"] | other}
    assert breaches(changed(**there), run_of_four()) == []
    shown = [v for v in check_rows(changed(**there), run_of_four()) if v.band.startswith("another CPU")]
    assert [(v.metric, v.old, v.new) for v in shown] == [("latency_ratio", 0.8, 8.0), ("memory_ratio", 0.8, 2.25)]
    for unmeasured, metric in zip(("latency_ms", "rss_mb"), SHARES, strict=True):
        assert breaches(changed(**there | {unmeasured: None}), run_of_four()) == [("pruned", "mini", metric)]


def test_of_a_part_of_the_course_only_its_own_rows_are_missed():
    whole = [*run_of_four(), full_row("later", notebook="10")]
    assert breaches(whole[:-1], whole, executed={"01"}) == []
    assert breaches(whole[:-1], whole, executed={"01", "10"}) == [("later", "mini", "row")]
    assert breaches(whole, whole[:-1], executed={"01"}) == [("later", "mini", "row")]


def test_of_a_part_only_the_values_of_its_own_notebooks_are_missed():
    whole = [row | {"notebook": "04"} for row in run_of_four()]
    unmeasured = changed(latency_ms=None, file_bytes=None, f1=0.0)
    assert breaches(unmeasured, whole, executed={"03"}) == [("pruned", "mini", "f1")]
    assert {m for *_, m in breaches(unmeasured, whole, executed={"04"})} == {"f1", "latency_ratio", "file_bytes"}


def test_what_a_clock_cut_may_be_cut_a_little_otherwise():
    rows = [row | {"stage": "pruned-equal"} if row["stage"] == "pruned" else row for row in run_of_four()]

    def other(**change):
        return [rows[0], rows[1] | change, *rows[2:]]

    counts = {"heads_per_layer": [4, 3], "ffn_per_layer": [24, 25], "parameters": 1050, "file_bytes": 3400}
    assert breaches(other(**counts), rows) == []
    assert breaches(other(parameters=1200), rows) == [("pruned-equal", "mini", "parameters")]
    assert breaches(other(heads_per_layer=None), rows) == [("pruned-equal", "mini", "heads_per_layer")]


def test_what_neither_run_measured_is_not_judged():
    rows = [make_row("original", "01", "mini", "torch-fp32", model=tiny_model())]
    assert {v.metric for v in check_rows(rows, rows)} == {
        "heads_per_layer", "ffn_per_layer", "vocabulary", "parameters",
    }  # fmt: skip
