"""The tour of the course (start, data, scores, pipeline) with another seed, corpus and model, and its solutions."""

import re
from pathlib import Path

import hygiene
import nbformat
import pytest
from executions import ANSWERS_ONLY, ELSEWHERE

from utils.compress.pruning.remove import prune_neurons, prune_vocabulary
from utils.course import edition, runs
from utils.course.cli import main
from utils.course.report import ARTICLE, OWN
from utils.course.solutions import is_solution
from utils.measure.ledger import Ledger
from utils.measure.row import Row
from utils.model.checkpoint import load_raner, save_raner
from utils.text.corpus import load_corpus
from utils.text.entities import Corpus


def check_ledger(run: Path, stages: set[tuple[str, str, str]]) -> None:
    """These `(stage, backend, scale)` are there, and every row is possible."""
    rows = Ledger(run / "ledger.json").rows()
    assert stages <= {(row["stage"], row["backend"], row["scale"]) for row in rows}
    for row in rows:
        assert row.keys() == Row.model_fields.keys()
        assert row["latency_ms"] is None or 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p95"]
        assert row["f1"] is None or 0 <= row["f1_low"] <= row["f1"] <= row["f1_high"] <= 100


def check_solutions(run: Path) -> None:
    """Every notebook of the run has solutions, and all of them are right."""
    for path in run.glob("[0-9]*.ipynb"):
        executed = nbformat.read(path, 4)
        assert any(map(is_solution, executed.cells)), path.stem
        assert hygiene.wrong_solutions(executed) == [], path.stem


VERSIONS = {(version.stage, version.backend, scale) for version in (*ARTICLE, *OWN) for scale in ("mini", "article")}


def write_conll(path: Path, sentences) -> None:
    """Characters and BIO tags in columns, an empty line behind each sentence."""
    with path.open("w", encoding="utf-8") as file:
        for sentence in sentences:
            tags = ["O"] * len(sentence.text)
            for start, end, kind in sentence.spans:
                tags[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
            file.writelines(f"{character} {tag}\n" for character, tag in zip(sentence.text, tags, strict=True))
            file.write("\n")


@pytest.fixture
def other_corpus(tmp_path) -> Path:
    """A directory of CoNLL files: some of our own sentences, without their domains and traps."""
    for name, sentences, count in zip(Corpus._fields, load_corpus(), (600, 30, 30), strict=True):
        write_conll(tmp_path / f"{name}.txt", [s for s in sentences if not re.search(r"\s", s.text)][-count:])
    return tmp_path


@pytest.fixture
def other_model(tmp_path) -> Path:
    """A directory with the embedded model, less a layer's neurons, some others, and the characters nobody needs."""
    model, tokenizer = load_raner()
    fewer = prune_neurons(model, {2: list(range(100)), 7: list(range(1536))})
    texts = [sentence.text for split in load_corpus() for sentence in split]
    return save_raner(*prune_vocabulary(fewer, tokenizer, texts), tmp_path / "model")


@pytest.mark.notebooks
@pytest.mark.timeout(3600)
def test_the_course_runs_with_other_parameters_and_its_solutions_are_right(
    tmp_path, other_corpus, other_model, monkeypatch
):
    for name, value in ANSWERS_ONLY.items():
        monkeypatch.setenv(name, value)
    settings = ["--quick", "--seed", "2", "--corpus", str(other_corpus), "--model", str(other_model)]
    with edition.plain_notebooks(solved=True) as notebooks:
        monkeypatch.setattr(runs, "NOTEBOOKS", notebooks)
        assert main(["run", *settings, "--notebooks", *ELSEWHERE, "--out", str(tmp_path / "runs")]) == 0
    check_solutions(tmp_path / "runs" / "latest")
    check_ledger(tmp_path / "runs" / "latest", VERSIONS)
    original = Ledger(tmp_path / "runs" / "latest" / "ledger.json").row("original", "mini", "torch-fp32")
    assert original["ffn_per_layer"] == [1536, 1536, 1436, *[1536] * 4, 0, *[1536] * 4]
    assert original["vocabulary"] < load_raner()[0].config.vocab_size
