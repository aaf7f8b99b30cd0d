"""A run's folder: artifacts are built once, whole, and defaults are the embedded ones."""

import os
import subprocess
import sys

import pytest

from utils.files import ROOT, RUNS, locked
from utils.measure.latency import Rounds
from utils.measure.run import open_run
from utils.model.checkpoint import MINI_RANER
from utils.text.corpus import DEFAULT_CORPUS, load_unlabelled


def test_empty_parameters_mean_the_embedded_defaults():
    run = open_run()
    assert (run.model_source, run.corpus_source) == (str(MINI_RANER), str(DEFAULT_CORPUS))
    assert run.article.text and run.corpus.test
    assert (run.path, run.seed, run.quick) == (RUNS / "lab", 1, False)


def test_an_artifact_is_built_once(tmp_path):
    run, calls = open_run(str(tmp_path)), []

    def build(path):
        calls.append(path)
        path.mkdir()
        (path / "file").write_text("x")

    first, second = run.artifact("mini/thing", build), run.artifact("mini/thing", build)
    assert first == second == tmp_path / "artifacts" / "mini" / "thing"
    assert len(calls) == 1 and (first / "file").read_text() == "x"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_build_leaves_nothing_and_is_begun_again(tmp_path, error):
    run = open_run(str(tmp_path))

    def fail(path):
        path.mkdir()
        (path / "half").touch()
        raise error

    with pytest.raises(error):
        run.artifact("thing", fail)
    assert os.listdir(run.artifacts) == [".thing.lock"]
    path = run.artifact("thing", lambda path: path.mkdir())
    assert not list(path.iterdir())


def test_what_a_dead_process_left_is_no_part_of_the_artifact(tmp_path):
    run = open_run(str(tmp_path))
    for name in ("a folder", "a file"):
        unfinished = run.artifacts / f"{name}.unfinished"
        unfinished.mkdir(parents=True)
        (unfinished / "half").touch()
    assert list(run.artifact("a folder", lambda path: path.mkdir()).iterdir()) == []
    assert run.artifact("a file", lambda path: path.write_text("whole")).read_text() == "whole"
    names = {name for name in os.listdir(run.artifacts) if not name.endswith((".lock", ".identity.json"))}
    assert names == {"a file", "a folder"}


def test_what_dead_processes_left_goes_when_a_run_is_opened_and_what_a_living_one_builds_stays(tmp_path):
    run = open_run(str(tmp_path))
    for name in ("dead.unfinished", "dead.unfinished-checkpoints", "mini/dead.unfinished", "alive.unfinished"):
        (run.artifacts / name / "deep").mkdir(parents=True)
    with locked(run.artifacts / "alive", 0):
        open_run(str(tmp_path))
        assert [str(path.relative_to(run.artifacts)) for path in run.artifacts.rglob("*.unfinished*")] == [
            "alive.unfinished"
        ]
    open_run(str(tmp_path))
    assert not list(run.artifacts.rglob("*.unfinished*"))


def test_checkpoints_that_a_build_keeps_beside_its_artifact_go_with_it(tmp_path):
    run = open_run(str(tmp_path))

    def build(path):
        path.with_name(f"{path.name}-checkpoints").mkdir()
        path.touch()

    run.artifact("thing", build)
    assert {path.name for path in run.artifacts.iterdir()} == {".thing.lock", "thing", "thing.identity.json"}


OTHERS = {
    "seed": {"seed": 2},
    "sizes": {"quick": True},
    "model": {"model": "some/model"},
    "corpus": {"corpus": "some/corpus"},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_request_does_not_receive_it(tmp_path, other):
    def text(run):
        return run.artifact("thing", lambda path: path.write_text(f"{run.seed} {run.quick}")).read_text()

    mine, others = open_run(str(tmp_path)), open_run(str(tmp_path), **other)
    assert text(mine) == "1 False" and mine.has("thing") and not others.has("thing")
    assert text(others) == f"{others.seed} {others.quick}" and not mine.has("thing")
    assert text(mine) == "1 False"


def test_another_recipe_makes_another_artifact(tmp_path):
    run, made = open_run(str(tmp_path)), []
    for recipe in ((1, 2), (1, 2), (1, 3), ""):
        run.artifact("thing", lambda path, recipe=recipe: (made.append(recipe), path.touch()), recipe)
    assert made == [(1, 2), (1, 3), ""] and run.has("thing") and not run.has("thing", (1, 2))


def test_a_model_that_has_changed_on_disk_is_another_one(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("1")

    def opened():
        return open_run(str(tmp_path / "run"), model=str(tmp_path / "model"))

    opened().artifact("thing", lambda path: path.touch())
    assert opened().has("thing")
    (tmp_path / "model" / "weights").write_text("2")
    assert not opened().has("thing")


def test_what_has_no_identity_is_made_again(tmp_path):
    run = open_run(str(tmp_path))
    run.artifacts.mkdir()
    (run.artifacts / "thing").write_text("of whom?")
    assert run.artifact("thing", lambda path: path.write_text("mine")).read_text() == "mine"


def test_a_build_that_fails_does_not_bring_the_old_one_back(tmp_path):
    run = open_run(str(tmp_path))
    run.artifact("thing", lambda path: path.write_text("old"))
    with pytest.raises(ZeroDivisionError):
        open_run(str(tmp_path), seed=2).artifact("thing", lambda path: 1 / 0)
    assert not run.has("thing") and not (run.artifacts / "thing").exists()


ASK = """
import sys, time
from pathlib import Path
from utils.measure.run import open_run

def build(path):
    with Path(sys.argv[1], "builds").open("a") as builds:
        builds.write("x")
    path.mkdir()
    time.sleep(1)
    (path / "whole").touch()

run = open_run(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
assert (run.artifact("mini/thing", build) / "whole").exists()
"""


def test_two_processes_build_an_artifact_once_and_both_have_it_whole(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    askers = [subprocess.Popen([sys.executable, "-c", ASK, str(tmp_path)], **pipes) for _ in range(2)]
    assert [asker.stdout.readline() for asker in askers] == ["ready\n"] * 2
    for asker in askers:
        asker.stdin.write("go\n")
        asker.stdin.flush()
    assert [asker.wait(300) for asker in askers] == [0, 0]
    assert (tmp_path / "builds").read_text() == "x"


def test_rounds_are_as_many_as_asked_unless_the_environment_shortens_slow_ones(monkeypatch):
    monkeypatch.delenv("COURSE_REPEATS", raising=False)
    assert open_run().rounds(7) == Rounds(7, None)
    monkeypatch.setenv("COURSE_REPEATS", "1")
    assert open_run().rounds(7) == Rounds(7, 1)


@pytest.mark.parametrize(("quick", "sizes"), [(False, (1527, 209)), (True, (128, 32))])
def test_a_training_reads_what_it_has_time_for_and_the_test_stays_whole(quick, sizes):
    run = open_run(quick=quick)
    assert (len(run.training.train), len(run.training.dev)) == sizes
    assert run.training.test == run.corpus.test


@pytest.mark.parametrize(("quick", "size"), [(False, None), (True, 60)])
def test_a_score_is_read_on_the_whole_test_split_or_in_a_quick_run_on_its_first_sentences(quick, size):
    run = open_run(quick=quick)
    assert len(run.corpus.test) > 60 and run.test == run.corpus.test[:size]


@pytest.mark.parametrize("quick", [False, True])
def test_texts_without_labels_are_those_beside_the_corpus(quick):
    everything = load_unlabelled()
    assert open_run(quick=quick).unlabelled == everything[: 64 if quick else None] and len(everything) > 3000


def test_a_sentence_of_test_is_no_text_to_learn_from(tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.txt").write_text(f"[北京](LOC)的{split}。\n", "utf-8")
    (tmp_path / "unlabelled.txt").write_text("北京的test。\n雨停了。\n", "utf-8")
    assert open_run(corpus=str(tmp_path)).unlabelled == ["雨停了。"]


def test_a_large_corpus_is_sampled_from_start_to_end(tmp_path):
    for name, count in (("train", 5000), ("dev", 900), ("test", 700)):
        (tmp_path / f"{name}.txt").write_text("".join(f"[第{i}](LOC)句。\n" for i in range(count)), "utf-8")
    part = open_run(corpus=str(tmp_path)).training
    assert [len(split) for split in part] == [2000, 400, 700]
    assert (part.train[0].text, part.train[-1].text) == ("第0句。", "第4997句。")
