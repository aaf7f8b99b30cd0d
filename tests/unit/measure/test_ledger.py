"""Rows are made, kept, replaced and found again; many may write at once, and no error leaves half a ledger."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from ledger_rows import MACHINE, full_row, tiny_model

from utils.files import DATA, ROOT
from utils.measure import latency as timing
from utils.measure.evaluation import Evaluation
from utils.measure.latency import Latency, Rounds, measure_latency, time_ratio
from utils.measure.ledger import Ledger, Measured, make_row
from utils.measure.memory import Memory
from utils.measure.row import LedgerError, Row
from utils.measure.scores import entity_scores
from utils.measure.verdict import f1_difference, times_as_fast
from utils.text.entities import Span, annotate


def test_a_row_of_names_alone_leaves_the_rest_null():
    row = make_row("original", "01", "mini", "torch-fp32", Measured())
    assert list(row) == list(Row.model_fields)
    assert [key for key in row if row[key] is not None] == ["stage", "notebook", "scale", "backend"]


def test_make_row_takes_the_measured_numbers(tmp_path):
    sentences = [annotate("王伟李娜在北京", [Span(0, 2, "PER"), Span(2, 4, "PER"), Span(5, 7, "LOC")])]
    predictions = [[sentences[0].entities[0]]]
    evaluation = Evaluation(entity_scores(sentences, predictions), 61.126, 72.0, predictions)
    (tmp_path / "weights").write_bytes(b"x" * 77)
    latency, memory = Latency(1.23456, 2.34567, (1.23456,)), Memory(310.26, 290.0)
    measured = Measured(None, evaluation, latency, memory, tmp_path, MACHINE)
    row = make_row("original", "01", "mini", "torch-fp32", measured)
    assert (row["precision"], row["recall"], row["f1"]) == (100, 33.33, 50)
    assert (row["f1_low"], row["f1_high"], row["f1_by_type"]) == (61.13, 72, {"LOC": 0, "PER": 66.67})
    assert (row["latency_ms"], row["rss_mb"], row["file_bytes"]) == ({"p50": 1.235, "p95": 2.346}, 310.3, 77)
    assert row["machine"] == {key: MACHINE[key] for key in ("cpu", "flags", "cores", "threads", "versions")}


NAMES = [annotate(f"{c}伟在北京", [Span(0, 2, "PER"), Span(3, 5, "LOC")]) for c in "赵钱孙李周吴郑王"]
RIGHT = [list(sentence.entities) for sentence in NAMES]
HALF = [found[:1] for found in RIGHT]


def test_f1_is_compared_with_the_baseline_on_the_same_sentences():
    right, half = (Evaluation(entity_scores(NAMES, p), 0.0, 100.0, p, NAMES, "packed", 1) for p in (RIGHT, HALF))
    row = make_row("pruned", "04", "mini", "onnx-int8", Measured(evaluation=half, baseline=("again", right)))
    lost = 100 * 2 / 3 - 100  # precision 1, recall a half, in every resample too
    assert row["f1_difference"]["base"] == "again"
    assert [row["f1_difference"][key] for key in ("value", "low", "high")] == pytest.approx([lost] * 3, abs=0.01)
    assert (row["reading"], row["batch_size"]) == ("packed", 1)
    assert make_row("x", "04", "mini", "onnx-int8", Measured(evaluation=half))["f1_difference"] is None


def test_a_row_and_a_notebook_that_draw_with_one_seed_say_the_same_interval():
    many, gold = NAMES * 8, RIGHT * 8
    mixed = [found if place % 3 else found[:1] for place, found in enumerate(gold)]
    said = []
    for seed in (0, 5, 6):
        right, tagged = (Evaluation(entity_scores(many, p), 0.0, 100.0, p, many, seed=seed) for p in (gold, mixed))
        row = make_row("pruned", "04", "mini", "onnx-int8", Measured(evaluation=tagged, baseline=("again", right)))
        said.append([row["f1_difference"][key] for key in ("value", "low", "high")])
        assert said[-1] == pytest.approx(f1_difference(many, gold, mixed, seed), abs=0.005)
    assert len(set(map(tuple, said))) > 1


def test_a_training_is_named_by_its_steps_and_its_seed():
    row = make_row("recovered", "05", "mini", "torch-fp32", Measured(steps=600, seed=3, reading="by sentence"))
    assert (row["steps"], row["seed"], row["reading"]) == (600, 3, "by sentence")


@pytest.fixture
def session(monkeypatch):
    """A function: the latencies of calls that take so many ms, in turns, on a computer that is `slowness` times as
    slow, and slower still for whole rounds.
    """
    clock, random = {"now": 0.0, "round": 1.0}, np.random.default_rng(0)
    monkeypatch.setattr(timing, "perf_counter", lambda: clock["now"])

    def measured(slowness: float, **milliseconds: float) -> dict[str, Latency]:
        first = next(iter(milliseconds))

        def call(name):
            if name == first:
                clock["round"] = random.lognormal(0, 0.5)
            clock["now"] += slowness * clock["round"] * random.lognormal(0, 0.05) * milliseconds[name] / 1000

        calls = {name: lambda name=name: call(name) for name in milliseconds}
        return measure_latency(calls, Rounds(25))

    return measured


def row_of(session: dict[str, Latency], stage: str) -> dict:
    base = "original/torch-fp32/whole", session["original"]
    return make_row(stage, "08", "mini", "torch-fp32", Measured(latency=session[stage], base=base))


def test_two_computers_agree_on_a_ratio_however_fast_they_are(session):
    here, there = session(1, original=30, pruned=10), session(7, original=30, pruned=10)
    one, other = (row_of(measured, "pruned") for measured in (here, there))
    assert other["latency_ms"]["p50"] > 3 * one["latency_ms"]["p50"]
    for row in (one, other):
        found = row["times_as_fast"]
        assert found["base"] == "original/torch-fp32/whole"
        assert 2.7 < found["low"] <= 3.0 <= found["high"] < 3.3
    own = row_of(here, "original")["times_as_fast"]
    assert [own[key] for key in ("value", "low", "high")] == [1.0] * 3


def test_rows_of_a_session_share_its_id_and_others_do_not(session):
    here, there = session(1, original=30, pruned=10), session(1, original=30, pruned=10)
    ids = [row_of(measured, stage)["session"] for measured in (here, there) for stage in ("original", "pruned")]
    assert ids[0] == ids[1] != ids[2] == ids[3] and all(ids)


def test_a_ratio_of_two_sessions_cannot_be_had(session):
    here, there = session(1, original=30, pruned=10), session(7, original=30, pruned=10)
    mixed = Measured(latency=there["pruned"], base=("original", here["original"]))
    for divide in (
        lambda: times_as_fast(here["original"], there["pruned"]),
        lambda: time_ratio(there["pruned"], here["original"]),
        lambda: timing.ratios(here["original"], there["original"]),
        lambda: make_row("pruned", "08", "mini", "torch-fp32", mixed),
    ):
        with pytest.raises(ValueError, match="times of two sessions, .* are never divided"):
            divide()


def test_make_row_counts_the_shapes_of_a_whole_and_of_a_pruned_model():
    whole = make_row("original", "01", "mini", "torch-fp32", Measured(tiny_model()))
    pruned_model = tiny_model(kept_heads=[[1, 3], []], kept_neurons=[[0, 1, 2], list(range(24))])
    pruned = make_row("pruned", "04", "mini", "torch-fp32", Measured(pruned_model))
    assert (whole["heads_per_layer"], whole["ffn_per_layer"], whole["vocabulary"]) == ([4, 4], [24, 24], 31)
    assert (pruned["heads_per_layer"], pruned["ffn_per_layer"]) == ([2, 0], [3, 24])
    no_neurons = make_row("pruned", "04", "mini", "torch-fp32", Measured(tiny_model(kept_neurons=[[], [5]])))
    assert (no_neurons["heads_per_layer"], no_neurons["ffn_per_layer"]) == ([4, 4], [0, 1])
    head = 3 * (16 * 4 + 4) + 4 * 16  # query, key, value and their biases; output columns
    assert whole["parameters"] - pruned["parameters"] == 6 * head + 21 * (16 + 1 + 16)


def test_rows_come_back_as_they_went_in(tmp_path):
    book = Ledger(tmp_path / "new" / "ledger.json")
    assert book.rows() == []
    rows = [full_row(), full_row("pruned"), full_row(scale="article"), full_row(backend="onnx-int8")]
    for row in rows:
        book.append(row)
    assert book.rows() == rows
    assert book.row("original", "mini", "onnx-int8") == rows[3]
    assert json.loads(book.path.read_text("utf-8")) == {"version": 2, "rows": rows}
    assert "某处理器" in book.path.read_text("utf-8")


def test_the_same_name_replaces_in_place(tmp_path):
    book = Ledger(tmp_path / "ledger.json")
    for row in (full_row(), full_row("pruned"), full_row(f1=60.0)):
        book.append(row)
    assert [(row["stage"], row["f1"]) for row in book.rows()] == [("original", 60.0), ("pruned", 74.67)]


def test_another_notebooks_row_of_the_same_version_stays(tmp_path):
    book = Ledger(tmp_path / "ledger.json")
    early, again, late = full_row(f1=74.0), full_row(f1=75.0), full_row(notebook="08", f1=76.0)
    for row in (early, late, again):
        book.append(row)
    assert book.rows() == [again, late]
    assert book.row("original", "mini", "torch-fp32") == late
    assert book.row("original", "mini", "torch-fp32", "01") == again


def test_an_absent_row_is_an_error_that_names_those_there_are(tmp_path):
    book = Ledger(tmp_path / "ledger.json")
    with pytest.raises(LedgerError, match="no row pruned/mini/torch-fp32; there are: none"):
        book.row("pruned", "mini", "torch-fp32")
    book.append(full_row())
    with pytest.raises(LedgerError, match="no row original/mini/torch-fp32/04; there are: original/mini/torch-fp32/01"):
        book.row("original", "mini", "torch-fp32", "04")


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
    assert sorted(os.listdir(tmp_path)) == [".ledger.json.lock", "ledger.json"]


def test_the_file_appears_whole_under_its_name(tmp_path, monkeypatch):
    """What is moved into place is already complete; beside it nothing stays but the lock."""
    book, seen = Ledger(tmp_path / "ledger.json"), []
    replace = os.replace

    def watch(source, target):
        seen.append(len(json.loads(source.read_text("utf-8"))["rows"]))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    book.append(full_row())
    book.append(full_row("pruned"))
    assert seen == [1, 2]
    assert sorted(os.listdir(tmp_path)) == [".ledger.json.lock", "ledger.json"]


ROWS = '{"version": 2, "rows": %s}'


@pytest.mark.parametrize(
    "text", ["[{", "{}", "7", '{"version": 2}', ROWS % "[1]", ROWS % '[{"stage": "original"}]', "\udcff"]
)
def test_a_broken_ledger_is_named_and_not_overwritten(tmp_path, text):
    path = tmp_path / "ledger.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="ledger.json"):
        Ledger(path).append(full_row())
    assert path.read_bytes() == before


@pytest.mark.parametrize(("text", "version"), [("[]", 1), ('[{"stage": "x"}]', 1), ('{"version": 3, "rows": []}', 3)])
def test_a_ledger_of_another_version_is_refused_in_one_line_that_says_what_to_do(tmp_path, text, version):
    book = Ledger(tmp_path / "ledger.json")
    book.path.write_text(text)
    for use in (book.rows, lambda: book.append(full_row())):
        with pytest.raises(LedgerError) as caught:
            use()
        assert str(caught.value) == (
            f"{book.path}: a ledger of version {version}, and this course reads version 2: "
            "delete the file or move it away, and run again"
        )
    assert book.path.read_text() == text


def test_the_reference_is_written_again_to_the_same_bytes(tmp_path):
    reference, copy = Ledger(DATA / "reference" / "ledger.json"), Ledger(tmp_path / "ledger.json")
    for row in reference.rows():
        copy.append(row)
    assert copy.path.read_bytes() == reference.path.read_bytes()


APPEND = """
import sys
from ledger_rows import full_row
from utils.measure.ledger import Ledger
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    Ledger(sys.argv[1]).append(full_row(f"{sys.argv[2]}-{number}"))
"""


def test_two_processes_lose_no_row_of_each_other(tmp_path):
    path = tmp_path / "ledger.json"
    home = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "helpers")))}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": home}
    writers = [subprocess.Popen([sys.executable, "-c", APPEND, str(path), name], **pipes) for name in ("a", "b")]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 2
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait(300) for writer in writers] == [0, 0]
    assert {row["stage"] for row in Ledger(path).rows()} == {f"{name}-{n}" for name in ("a", "b") for n in range(40)}
    assert sorted(os.listdir(tmp_path)) == [".ledger.json.lock", "ledger.json"]
