"""The reference run: what becomes it, and what a run is told that is compared with it."""

import json
import re
import shutil

import pytest
from tiny_course import row

from utils.course import cli, reference, runs
from utils.measure.ledger import Ledger


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "REFERENCE", tmp_path / "reference")
    ledger = Ledger(tmp_path / "reference" / "ledger.json")
    ledger.append(row("original", "torch-fp32", f1=86.0, latency_ms={"p50": 10.0, "p95": 11.0}))
    ledger.append(row("quantized", "torch-int8", f1=85.5, latency_ms={"p50": 5.0, "p95": 6.0}))
    return tmp_path / "reference"


def test_check_passes_an_equal_run_and_breaches_a_worse_one(kept, tmp_path, capsys):
    shutil.copytree(kept, tmp_path / "run")
    assert cli.main(["check", str(tmp_path / "run")]) == 0
    count = capsys.readouterr().out
    assert "0 breached" in count and count.count("\n") == 1
    assert cli.main(["check", str(tmp_path / "run"), "--all"]) == 0
    everything = capsys.readouterr().out.splitlines()
    assert len(everything) == 3 + int(everything[-1].split()[0]) and everything[2].endswith("ok")
    Ledger(tmp_path / "run" / "ledger.json").append(row("quantized", "torch-int8", f1=40.0))
    assert cli.main(["check", str(tmp_path / "run")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["stage", "scale", "backend", "notebook", "metric", "old", "new", "band", "verdict"]
    assert any(re.search(r"quantized .* f1 .*85.5 .*40 .*BREACH$", line) for line in lines)
    assert not any(line.endswith(" ok") for line in lines)


@pytest.mark.parametrize("state", ["done", "failed"])
def test_check_of_a_part_compares_the_part(kept, tmp_path, state):
    whole = Ledger(kept / "ledger.json")
    whole.append(row("later", "torch-fp32") | {"notebook": "10"})
    part = Ledger(tmp_path / "run" / "ledger.json")
    for early in whole.rows()[:2]:
        part.append(early)
    for number, code in ((part.rows()[0]["notebook"], 0), ("10", 1)):
        notebooks = [{"name": f"{number}_some", "state": state}]
        (tmp_path / "run" / "run.json").write_text(json.dumps({"settings": runs.DEFAULTS, "notebooks": notebooks}))
        assert cli.main(["check", str(tmp_path / "run")]) == code


def test_check_of_a_ledger_without_a_run_misses_every_row(kept, tmp_path):
    Ledger(tmp_path / "run" / "ledger.json").append(Ledger(kept / "ledger.json").rows()[0])
    assert cli.main(["check", str(tmp_path / "run")]) == 1


@pytest.mark.parametrize("other", [{"model": "/some/model"}, {"corpus": "/some/corpus"}, {"quick": True}])
def test_check_refuses_a_run_that_cannot_be_compared(kept, tmp_path, capsys, other):
    shutil.copytree(kept, tmp_path / "run")
    for settings, code in ((runs.DEFAULTS | {"seed": 2}, 0), (runs.DEFAULTS | other, 2)):
        state = {"settings": settings, "notebooks": [{"name": "00_any", "state": "done"}]}
        (tmp_path / "run" / "run.json").write_text(json.dumps(state))
        assert cli.main(["check", str(tmp_path / "run")]) == code
    assert "".join(f"{name} = {value}" for name, value in other.items()) in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "[", "[]", '[{"stage": "original"}]'])
def test_check_of_no_ledger(kept, tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "ledger.json").write_text(content)
    assert cli.main(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_only_a_whole_default_run_becomes_the_reference(finished, tmp_path, monkeypatch):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    state = json.loads((folder / "run.json").read_text("utf-8"))
    monkeypatch.setattr(reference, "REFERENCE", tmp_path / "reference")
    monkeypatch.setattr(runs, "NOTEBOOKS", finished[0].parents[1] / "notebooks")
    Ledger(folder / "ledger.json").append(row("original", "torch-fp32"))
    whole = state | {"settings": {"model": "", "corpus": "", "seed": 7, "quick": False}}
    for refused in (state, whole | {"state": "failed"}, whole | {"notebooks": state["notebooks"][:1]}):
        (folder / "run.json").write_text(json.dumps(refused))
        assert cli.main(["report", str(folder), "--reference"]) == 2
        assert not (tmp_path / "reference").exists()
    (folder / "run.json").write_text(json.dumps(whole))
    assert cli.main(["report", str(folder), "--reference"]) == 0
    assert json.loads((tmp_path / "reference" / "run.json").read_text()) == whole
    assert runs.read_rows(tmp_path / "reference") == [row("original", "torch-fp32")]
