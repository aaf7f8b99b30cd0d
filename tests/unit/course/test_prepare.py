"""A head for a corpus's own types: trained before the notebooks, once, and handed to all of them."""

import json

import pytest
from hugging_face import save, tagger
from tiny_course import only_run, write_notebook

from utils.course.prepare import prepared, write_corpus
from utils.model.torch_tagger import load_tagger
from utils.text.corpus import load_corpus
from utils.text.entities import Corpus, Span, annotate

LINES = ["天地说玄黄", "玄黄在天地", "北京天地，玄黄。", "玄黄来"]
SENTENCES = [
    annotate(
        line,
        [Span(line.index(n), line.index(n) + 2, k) for n, k in (("天地", "company"), ("玄黄", "name")) if n in line],
    )
    for line in LINES * 30
]
CORPUS = Corpus(SENTENCES, SENTENCES[:30], SENTENCES[:30])


@pytest.fixture
def places(tmp_path):
    write_corpus(CORPUS, tmp_path / "corpus")
    return ["--model", str(save(tmp_path / "model", tagger())), "--corpus", str(tmp_path / "corpus")]


def test_a_written_corpus_is_read_back(tmp_path):
    write_corpus(CORPUS, tmp_path / "corpus")
    assert load_corpus(tmp_path / "corpus") == CORPUS


def test_a_new_head_is_trained_before_the_notebooks_and_only_once(run, tiny_course, tmp_path, places, capsys):
    write_notebook(
        tiny_course / "01_read.ipynb", "from pathlib import Path", "assert Path(run_dir, 'go').exists(), model"
    )
    assert run(*places, "--new-head", "--quick") == 1
    said = capsys.readouterr()
    folder = only_run(tmp_path)
    assert "Training a head for company, name" in said.out and str(folder / "artifacts" / "new-head") in said.err
    weights = (folder / "artifacts" / "new-head" / "model.safetensors").read_bytes()
    left = {path.name for path in (folder / "artifacts").glob("new-head*")}
    assert left == {"new-head", "new-head.identity.json"}

    found = load_tagger(folder / "artifacts" / "new-head").predict([s.text for s in CORPUS.test])
    assert {entity.type for entities in found for entity in entities} <= {"company", "name"}
    settings = json.loads((folder / "run.json").read_text("utf-8"))["settings"]
    assert settings["new_head"] is True and settings["model"] == places[1]

    (folder / "go").touch()
    assert run("--resume") == 0
    assert "Training" not in capsys.readouterr().out
    assert (folder / "artifacts" / "new-head" / "model.safetensors").read_bytes() == weights


def test_without_either_the_notebooks_get_what_was_given(tmp_path):
    given = {"model": "m", "corpus": "c", "seed": 3, "quick": True}
    assert prepared(tmp_path, given) == given | {"run_dir": str(tmp_path)}
    assert list(tmp_path.iterdir()) == []
