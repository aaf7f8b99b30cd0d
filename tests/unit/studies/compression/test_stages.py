"""All stages: the same result however often they are interrupted; what follows a miss; which trial is kept."""

import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import compress_in_processes
import pytest
from known_tagger import free_port
from tiny_compression import texts, tiny_work

from utils.compress.training import TaggerTrainer
from utils.engines.onnx_session import load_onnx_tagger
from utils.measure.ledger import Ledger
from utils.measure.run import Run
from utils.measure.verdict import Estimate
from utils.model.torch_tagger import load_tagger
from utils.studies.compression.plan import STAGES, Target
from utils.studies.compression.search import Choice
from utils.studies.compression.stages import best, compress, deliver, next_limit
from utils.studies.compression.trial import Trial


@pytest.fixture
def pulled_plugs(monkeypatch):
    """Each piece is interrupted once, with something half made in its place, and each training once in its middle."""
    seen, artifact, steps, step = set(), Run.artifact, count(1), TaggerTrainer.training_step

    def pull(self, name, build):
        path = self.artifacts / name
        if not path.exists() and name not in seen:
            seen.add(name)
            path.with_name(f"{path.name}.unfinished").mkdir(parents=True, exist_ok=True)
            path.with_name(f"{path.name}.unfinished").joinpath("half").touch()
            raise KeyboardInterrupt
        return artifact(self, name, build)

    def stop(self, *rest):
        if next(steps) in (2, 9):
            raise KeyboardInterrupt
        return step(self, *rest)

    monkeypatch.setattr(Run, "artifact", pull)
    monkeypatch.setattr(TaggerTrainer, "training_step", stop)
    return seen


def test_interrupted_in_every_stage_it_ends_as_it_would_have(whole, home, tmp_path, clock, pulled_plugs):
    work, trials = whole
    again = tiny_work(tmp_path / "work", home, work.target, more=texts(6, seed=9))
    found, interrupts = None, 0
    while found is None:
        try:
            found = compress(again)
        except KeyboardInterrupt:
            interrupts += 1
    assert interrupts == len(pulled_plugs) + 2 and interrupts > 10
    assert found == trials
    for source, place in ((work, "whole"), (again, "cut")):
        deliver(source, trials[-1], tmp_path / place)
    for file in ("model/model.safetensors", "model/config.json", "model/vocab.txt", "onnx-int8/model.onnx"):
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file
    assert not list((tmp_path / "work").rglob("*-checkpoints")) and not list((tmp_path / "work").rglob("*.unfinished"))


def test_two_processes_make_one_result(home, tmp_path):
    launcher = f"-m torch.distributed.run --nproc_per_node 2 --master_addr 127.0.0.1 --master_port {free_port()}"
    script = Path(compress_in_processes.__file__)
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher.split(), str(script), str(home), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-3000:]
    ours, theirs = (json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in (0, 1))
    assert ours == theirs and ours[0] in ("torch", "torch, sentences")


def test_what_is_delivered_loads_and_is_in_the_ledger(whole, tmp_path):
    work, (*_, trial) = whole
    assert deliver(work, trial, tmp_path) == ["model", "onnx-int8"]
    read = [sentence.text for sentence in work.corpus.test]
    answers = load_tagger(tmp_path / "model").predict(read)
    assert len(load_onnx_tagger(tmp_path / "onnx-int8").predict(read)) == len(answers) == len(read)
    assert Ledger(tmp_path / "ledger.json").rows() == trial.rows
    config = json.loads((tmp_path / "model" / "config.json").read_text("utf-8"))
    assert sum(map(len, config["kept_heads"])) == trial.choice.heads


def test_stages_are_announced_in_order(whole, clock):
    begun = []
    compress(whole[0], begun.append)
    assert begun[: len(STAGES)] == list(STAGES)


TARGET = Target(speedup=8, lose=1)


def trial(times, difference, limit=40.0, heads=10):
    """Intervals are a tenth of a point, and of a time, to both sides."""
    around = Estimate(times, times - 0.1, times + 0.1)
    reached = Estimate(*(value / 8 for value in around))
    lost = Estimate(difference, difference - 0.1, difference + 0.1)
    choice = Choice("ONNX INT8", heads, 100, limit)
    return Trial("try-1", choice, [], around, reached, lost, lost, [], [], "")


def test_a_miss_moves_the_limit_to_where_it_should_be_met():
    assert next_limit(TARGET, trial(8.5, -0.5)) is None
    assert next_limit(TARGET, trial(8.0, -0.95)) is None  # cannot tell
    assert 40 * 0.9 < next_limit(TARGET, trial(7.6, -0.5)) < 40 * 7.6 / 8
    assert next_limit(TARGET, trial(8.2, -2)) == pytest.approx(40 * 4 / 3)


def test_the_trial_that_is_kept():
    met, unsure = trial(8.5, -0.5), trial(8.5, -0.95)
    slow, poor, poorer = trial(6, -0.5), trial(9, -2), trial(9, -3)
    assert best(TARGET, [slow, poor, met]) is met and best(TARGET, [poor, unsure]) is unsure
    assert best(TARGET, [poor, slow]) is slow and best(TARGET, [poorer, poor]) is poor
    assert best(TARGET, [slow, trial(7, -0.5)]).times.value == 7


def test_the_verdict_is_as_bad_as_its_worse_half():
    assert [trial(*case).verdict(TARGET) for case in ((9, 0), (9, -0.95), (8, 0), (9, -3), (7, 0))] == [
        "yes", "cannot tell", "cannot tell", "no", "no"
    ]  # fmt: skip
