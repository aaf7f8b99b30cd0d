"""Rows that are wrong on purpose are refused, with the row, the key and the reason."""

import pytest
from ledger_rows import MACHINE, fast, full_row

from utils.measure.row import LedgerError, Row, base_name, checked, key_of, preferred


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speed": 3}, "speed is no known key"),
        ({"scale": "tiny"}, "scale is 'tiny': Input should be 'mini' or 'article'"),
        ({"backend": "torch"}, "backend is 'torch': Input should be 'torch-fp32', "),
        ({"stage": ""}, "stage is ''"),
        ({"notebook": 1}, "notebook is 1"),
        ({"heads_per_layer": [4, -1]}, "heads_per_layer.1 is -1"),
        ({"latency_ms": {"p50": 0, "p95": 1}}, "latency_ms.p50 is 0: Input should be greater than 0"),
        ({"latency_ms": {"p50": 1}}, "latency_ms.p95 is absent"),
        ({"latency_ms": 7}, "latency_ms is 7"),
        ({"rss_mb": 0}, "rss_mb is 0"),
        ({"rss_mb": True}, "rss_mb is True"),
        ({"rss_mb": "400"}, "rss_mb is '400'"),
        ({"rss_mb": float("nan")}, "rss_mb is nan"),
        ({"rss_mb": float("inf")}, "rss_mb is inf"),
        ({"file_bytes": -1}, "file_bytes is -1"),
        ({"file_bytes": 0}, "file_bytes is 0: Input should be greater than 0"),
        ({"parameters": "many"}, "parameters is 'many'"),
        ({"f1": 101}, "f1 is 101: Input should be less than or equal to 100"),
        ({"f1": float("nan")}, "f1 is nan"),
        ({"f1_by_type": {"LOC": -1}}, "f1_by_type.LOC is -1"),
        ({"reading": "backwards"}, "reading is 'backwards': Input should be 'whole', 'by sentence' or 'packed'"),
        ({"steps": -1}, "steps is -1"),
        ({"seed": "1"}, "seed is '1'"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"session": ""}, "session is ''"),
        ({"times_as_fast": 2.0}, "times_as_fast is 2.0"),
        ({"times_as_fast": fast(0.0)}, "times_as_fast.value is 0.0: Input should be greater than 0"),
        ({"times_as_fast": {"base": "x", "value": 1.0, "low": 1.0}}, "times_as_fast.high is absent"),
        ({"f1_difference": {"base": "", "value": -101.0, "low": 0.0, "high": 0.0}}, "f1_difference.value is -101.0"),
        ({"machine": {"cpu": "x"}}, "machine.flags is absent (None says: not measured); machine.cores is absent"),
        ({"machine": MACHINE}, "machine.logical_cores is no known key; machine.memory_mb is no known key"),
    ],
)
def test_a_wrong_row_is_refused_with_its_name_and_the_reason(change, message):
    row = full_row() | change
    with pytest.raises(LedgerError) as caught:
        checked(row)
    assert str(caught.value).startswith(f"row {row['stage']}/{row['scale']}/{row['backend']}/{row['notebook']}: ")
    assert message in str(caught.value)


def test_an_absent_key_is_refused_and_a_null_is_not():
    row = full_row()
    checked(row | {"latency_ms": None, "f1": None, "f1_by_type": None, "machine": None, "rss_mb": None})
    del row["rss_mb"]
    with pytest.raises(LedgerError, match="rss_mb is absent"):
        checked(row)


def test_the_smallest_of_each_kind_is_a_measurement():
    small = full_row("x", p50=0.01, rss=0.01, notebook="1", vocabulary=1, heads_per_layer=[0], f1=0.0, precision=100.0)
    assert checked(small) == small


def test_a_checked_row_is_the_row_with_its_keys_in_order():
    row = full_row()
    shuffled = dict(sorted(row.items(), reverse=True))
    assert list(shuffled) != list(Row.model_fields)
    assert checked(shuffled) == row and list(checked(shuffled)) == list(Row.model_fields)


def chosen(*rows: dict) -> list[tuple[str, str]]:
    return [(row["stage"], row["notebook"]) for row in preferred(rows)]


def test_of_a_version_the_row_that_says_most_is_preferred_and_then_the_last_notebooks():
    scored = full_row(notebook="09", latency_ms=None, rss_mb=None)
    early, late = full_row(notebook="06"), full_row(notebook="08", steps=None, f1_difference=None)
    for rows in ((early, late, scored), (scored, late, early)):
        assert chosen(*rows) == [("original", "08")]
    assert chosen(scored, early) == chosen(early, scored) == [("original", "06")]


def test_versions_keep_the_order_in_which_they_came():
    rows = full_row(notebook="02"), full_row("pruned", notebook="04"), full_row(notebook="08")
    assert chosen(*rows) == [("original", "08"), ("pruned", "04")]
    others = [full_row(), full_row(scale="article"), full_row(backend="onnx-fp32"), full_row("pruned")]
    assert preferred(others) == others


def test_a_name_says_what_was_measured_and_by_whom():
    assert key_of(full_row("pruned", "article", "onnx-int8", notebook="08")) == ("pruned", "article", "onnx-int8", "08")
    assert base_name("original", "torch-fp32", "by sentence") == "original/torch-fp32/by sentence"
