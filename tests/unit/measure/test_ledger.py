"""Rows are made, kept, replaced and found again; many may write at once, and no error leaves half a ledger."""

import json
import os
import subprocess
import sys

import pytest
from ledger_rows import MACHINE, full_row, tiny_model

from utils.files import DATA, ROOT
from utils.measure.evaluation import Evaluation
from utils.measure.latency import Latency
from utils.measure.ledger import Ledger, Measured, make_row
from utils.measure.memory import Memory
from utils.measure.row import LedgerError, Row
from utils.measure.scores import entity_scores
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
    assert sorted(os.listdir(tmp_path)) == [".ledger.json.lock", "ledger.json"]


def test_the_file_appears_whole_under_its_name(tmp_path, monkeypatch):
    """What is moved into place is already complete; beside it nothing stays but the lock."""
    book, seen = Ledger(tmp_path / "ledger.json"), []
    replace = os.replace

    def watch(source, target):
        seen.append(len(json.loads(source.read_text("utf-8"))))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    book.append(full_row())
    book.append(full_row("pruned"))
    assert seen == [1, 2]
    assert sorted(os.listdir(tmp_path)) == [".ledger.json.lock", "ledger.json"]


@pytest.mark.parametrize("text", ["[{", "{}", "[1]", '[{"stage": "original"}]', "\udcff"])
def test_a_broken_ledger_is_named_and_not_overwritten(tmp_path, text):
    path = tmp_path / "ledger.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="ledger.json"):
        Ledger(path).append(full_row())
    assert path.read_bytes() == before


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
