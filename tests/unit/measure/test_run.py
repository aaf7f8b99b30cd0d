"""A run's folder: artifacts are built once, whole, and defaults are the embedded ones."""

import pytest

from utils.measure.run import open_run
from utils.model.checkpoint import MINI_RANER
from utils.text.corpus import DEFAULT_CORPUS


def test_empty_parameters_mean_the_embedded_defaults():
    run = open_run()
    assert (run.model_source, run.corpus_source) == (str(MINI_RANER), str(DEFAULT_CORPUS))
    assert run.article.text and run.corpus.test


def test_an_artifact_is_built_once(tmp_path):
    run, calls = open_run(str(tmp_path)), []

    def build(path):
        calls.append(path)
        path.mkdir()
        (path / "file").write_text("x")

    first, second = run.artifact("mini/thing", build), run.artifact("mini/thing", build)
    assert first == second == tmp_path / "artifacts" / "mini" / "thing"
    assert len(calls) == 1 and (first / "file").read_text() == "x"


def test_an_interrupted_build_is_begun_again(tmp_path):
    run = open_run(str(tmp_path))

    def fail(path):
        path.mkdir()
        (path / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.artifact("thing", fail)
    path = run.artifact("thing", lambda path: path.mkdir())
    assert not list(path.iterdir())


@pytest.mark.parametrize(("quick", "sizes"), [(False, (927, 209)), (True, (128, 32))])
def test_a_training_reads_what_it_has_time_for_and_the_test_stays_whole(quick, sizes):
    run = open_run(quick=quick)
    assert (len(run.training.train), len(run.training.dev)) == sizes
    assert run.training.test == run.corpus.test


def test_a_large_corpus_is_sampled_from_start_to_end(tmp_path):
    for name, count in (("train", 5000), ("dev", 900), ("test", 700)):
        (tmp_path / f"{name}.txt").write_text("".join(f"第{i}句。\n" for i in range(count)), "utf-8")
    part = open_run(corpus=str(tmp_path)).training
    assert [len(split) for split in part] == [2000, 400, 700]
    assert (part.train[0].text, part.train[-1].text) == ("第0句。", "第4997句。")
