"""Training knows no clock, resumes exactly, stops at NaN, refuses what does not fit, and runs in two processes."""

import copy
import json
import math
import os
import re
import socket
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import train_in_processes
from huggingface_hub.utils import are_progress_bars_disabled
from tiny_models import random_raner, random_texts, tiny_tokenizer
from torch.optim import SGD
from transformers import get_linear_schedule_with_warmup
from transformers.utils import logging
from transformers.utils.notebook import NotebookProgressCallback

from utils.compress import training
from utils.compress.batches import make_batches
from utils.compress.curves import learning_curve
from utils.compress.pruning.remove import prune_heads
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import (
    DivergedError,
    Objective,
    Schedule,
    TaggerTrainer,
    rise_and_fall,
)
from utils.model.checkpoint import load_raner, save_raner
from utils.text.entities import Corpus, Span, annotate

SENTENCES = [annotate(text, [Span(0, 2, "ORG")]) for text in random_texts(96)]
CORPUS = Corpus(SENTENCES, SENTENCES[:8], SENTENCES[:8])
STEPS_AN_EPOCH = 3


def train(model, out, corpus=CORPUS, **settings):
    return fine_tune(model, tiny_tokenizer(), corpus, out, Schedule(**settings))


def assert_same_weights(a, b):
    for name, tensor in a.state_dict().items():
        assert torch.equal(tensor, b.state_dict()[name]), name


def assert_same_curves(*outs):
    """But for the seconds, which were measured."""
    a, b = ([epoch[:-1] for epoch in learning_curve(out)] for out in outs)
    assert a == b


def steps_done(out) -> int:
    return json.loads((out / "trainer_state.json").read_text())["global_step"]


def test_what_is_returned_answers_as_it_does_when_saved_and_loaded(tmp_path):
    tuned = train(random_raner(), tmp_path / "run", epochs=1, learning_rate=1e-2)
    save_raner(tuned, tiny_tokenizer(), tmp_path / "saved")
    reloaded, _ = load_raner(tmp_path / "saved")
    ids = torch.randint(5, 20, (3, 17))
    with torch.no_grad():
        emissions = [model(ids, torch.ones_like(ids)).logits for model in (tuned, reloaded)]
    assert torch.equal(*emissions)


@pytest.fixture
def interrupted(monkeypatch):
    """A function that runs `train` and pulls the plug in step `at`, counted from 1."""

    def run(at, *args, **settings):
        numbers, step = count(1), TaggerTrainer.training_step

        def breaking(self, *rest):
            if next(numbers) == at:
                raise KeyboardInterrupt
            return step(self, *rest)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(TaggerTrainer, "training_step", breaking)
            train(*args, **settings)

    return run


def test_learning_rate_is_the_librarys_linear_schedule_with_warmup():
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 10, 100)
    rates = []
    for _ in range(100):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert [rise_and_fall(step / 100) for step in range(100)] == pytest.approx(rates)
    assert rise_and_fall(1.2) == 0


@pytest.mark.parametrize("at", [2, 2 * STEPS_AN_EPOCH + 2])
def test_interrupted_training_ends_where_it_would_have(interrupted, tmp_path, at):
    model = random_raner()
    whole = train(model, tmp_path / "whole", epochs=3)
    interrupted(at, model, tmp_path / "cut", epochs=3)
    with pytest.MonkeyPatch.context() as patch:
        steps, step = count(), TaggerTrainer.training_step
        patch.setattr(TaggerTrainer, "training_step", lambda *args: (next(steps), step(*args))[1])
        assert_same_weights(whole, train(model, tmp_path / "cut", epochs=3))
    whole_epochs = (at - 1) // STEPS_AN_EPOCH
    assert next(steps) == (3 - whole_epochs) * STEPS_AN_EPOCH
    assert_same_curves(tmp_path / "cut", tmp_path / "whole")


def test_checkpoint_that_was_not_written_to_its_end_is_passed_over(interrupted, tmp_path):
    model = random_raner()
    whole = train(model, tmp_path / "whole", epochs=3)
    interrupted(2 * STEPS_AN_EPOCH + 1, model, tmp_path / "cut", epochs=3)
    (tmp_path / "cut" / f"checkpoint-{2 * STEPS_AN_EPOCH}" / "trainer_state.json").unlink()
    assert_same_weights(whole, train(model, tmp_path / "cut", epochs=3))


def test_patience_survives_an_interrupt(interrupted, tmp_path):
    settings = {"epochs": 6, "learning_rate": 1e-12}
    train(random_raner(), tmp_path / "whole", **settings)
    assert steps_done(tmp_path / "whole") == 3 * STEPS_AN_EPOCH
    interrupted(2 * STEPS_AN_EPOCH + 1, random_raner(), tmp_path / "cut", **settings)
    train(random_raner(), tmp_path / "cut", **settings)
    assert steps_done(tmp_path / "cut") == 3 * STEPS_AN_EPOCH


def test_stopped_training_is_not_taken_up_again(tmp_path):
    settings = {"epochs": 6, "learning_rate": 1e-12}
    first = train(random_raner(), tmp_path / "run", **settings)
    state = (tmp_path / "run" / "trainer_state.json").read_text()
    assert_same_weights(first, train(random_raner(), tmp_path / "run", **settings))
    assert (tmp_path / "run" / "trainer_state.json").read_text() == state


@pytest.mark.parametrize(
    "change, named",
    [({"epochs": 2}, "epochs"), ({"seed": 2}, "seed"), ({"learning_rate": 1e-3}, "learning_rate"),
     ({"steps": 3}, "steps"), ({"model": prune_heads(random_raner(), {0: [1]})}, "model"),
     ({"corpus": CORPUS._replace(train=SENTENCES[1:])}, "data")],
)  # fmt: skip
def test_checkpoints_of_another_run_are_refused(tmp_path, change, named):
    call = {"model": random_raner(), "out": tmp_path, "epochs": 1}
    train(**call)
    with pytest.raises(ValueError, match=rf"another {named}: give another directory"):
        train(**call | change)


def test_checkpoints_of_nobody_knows_what_are_refused(tmp_path):
    train(random_raner(), tmp_path, epochs=1)
    (tmp_path / "settings.json").unlink()
    with pytest.raises(ValueError, match="another run's checkpoints"):
        train(random_raner(), tmp_path, epochs=1)


def test_nan_names_step_and_batch(tmp_path):
    model = random_raner()
    with torch.no_grad():
        model.classifier.bias[0] = torch.nan
    with pytest.raises(DivergedError, match=r"nan at step 1, in the batch that begins with '(\S+)'") as error:
        train(model, tmp_path)
    begin = re.search(r"begins with '(\S+)'", str(error.value))[1]
    assert any(sentence.text == begin for sentence in SENTENCES)


def test_a_loss_that_explodes_on_the_way_is_noticed(tmp_path):
    with pytest.raises(DivergedError, match=r"at step [2-9],"):
        train(random_raner(), tmp_path, learning_rate=1e30)


def test_steps_end_the_training_and_its_learning_rate(tmp_path):
    train(random_raner(), tmp_path, epochs=1, steps=10)
    rows = json.loads((tmp_path / "trainer_state.json").read_text())["log_history"]
    rates = [row["learning_rate"] for row in rows if "learning_rate" in row]
    assert rates == pytest.approx([5e-4 * rise_and_fall(step / 11) for step in (3, 6, 9, 10)])
    assert steps_done(tmp_path) == 10
    assert [epoch.step for epoch in learning_curve(tmp_path)] == [3, 6, 9, 10]


def test_all_steps_are_made_even_without_progress(tmp_path):
    train(random_raner(), tmp_path, steps=14, learning_rate=1e-12)
    assert steps_done(tmp_path) == 14


@pytest.mark.parametrize("best", range(4))
def test_the_best_point_on_dev_is_returned(monkeypatch, tmp_path, best):
    seen = []

    def scripted_f1(model, *_):
        seen.append(copy.deepcopy(model))
        return 50.0 if len(seen) - 1 == best else 10.0

    monkeypatch.setattr(training, "dev_f1", scripted_f1)
    tuned = train(random_raner(), tmp_path, steps=10)
    assert len(seen) == 4 and not torch.equal(seen[0].classifier.weight, seen[-1].classifier.weight)
    assert_same_weights(tuned, seen[best])


@pytest.mark.parametrize("at", [2, 2 * STEPS_AN_EPOCH + 2])
def test_steps_that_were_interrupted_end_where_they_would_have(interrupted, tmp_path, at):
    model = random_raner()
    whole = train(model, tmp_path / "whole", steps=8)
    interrupted(at, model, tmp_path / "cut", steps=8)
    assert_same_weights(whole, train(model, tmp_path / "cut", steps=8))
    assert_same_curves(tmp_path / "cut", tmp_path / "whole")


@pytest.mark.parametrize("settings", [{"steps": 8}, {"epochs": 2}])
def test_interrupted_after_its_last_step_no_step_is_made_again(monkeypatch, tmp_path, settings):
    model = random_raner()
    whole = train(model, tmp_path / "whole", **settings)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TaggerTrainer, "save_state", interrupt)
        train(model, tmp_path / "cut", **settings)
    monkeypatch.setattr(TaggerTrainer, "training_step", interrupt)
    assert_same_weights(whole, train(model, tmp_path / "cut", **settings))
    assert_same_curves(tmp_path / "cut", tmp_path / "whole")


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.fixture
def clock(monkeypatch):
    """A function that lets so many seconds pass at every look at the clock of a training."""

    def tick(seconds):
        ticks = count()
        monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: seconds * next(ticks)))

    return tick


@pytest.mark.parametrize("settings", [{"steps": 8}, {"epochs": 3}])
def test_a_clock_ten_times_as_fast_changes_nothing_but_the_seconds(clock, tmp_path, settings):
    tuned = {}
    for pace in (1, 10):
        clock(pace)
        tuned[pace] = train(random_raner(), tmp_path / str(pace), learning_rate=1e-2, **settings)
    assert_same_weights(*tuned.values())
    assert_same_curves(tmp_path / "1", tmp_path / "10")
    slow, fast = ([epoch.seconds for epoch in learning_curve(tmp_path / name)] for name in ("10", "1"))
    assert slow == [10 * seconds for seconds in fast] == [10, 20, 30]


def test_seconds_of_interrupted_runs_are_added(clock, interrupted, tmp_path):
    clock(1)
    interrupted(2 * STEPS_AN_EPOCH + 1, random_raner(), tmp_path, epochs=3)
    train(random_raner(), tmp_path, epochs=3)
    assert [epoch.seconds for epoch in learning_curve(tmp_path)] == [1, 2, 3]


BMES = ("O", *(f"{prefix}-ORG" for prefix in "BMES"))
CASES = {
    "case 14: BMES": ({"labels": BMES}, CORPUS),
    "case 16: 32 positions": (
        {"max_position_embeddings": 32},
        CORPUS._replace(train=[annotate("天地玄黄，" * 30, [Span(0, 2, "ORG"), Span(140, 142, "ORG")])] * 8),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_case_14_and_16_what_can_tag_can_be_trained(tmp_path, case):
    changes, corpus = CASES[case]
    labels = changes.pop("labels", None)
    named = {"id2label": dict(enumerate(labels)), "label2id": {v: i for i, v in enumerate(labels)}} if labels else {}
    model = random_raner(**named, **changes)
    tuned = train(model, tmp_path, corpus, epochs=2, learning_rate=5e-3)
    assert math.isfinite(learning_curve(tmp_path)[-1].loss)
    assert not torch.equal(tuned.crf.start_transitions, model.crf.start_transitions)


def test_a_single_step_learns(tmp_path):
    model = random_raner()
    tuned = train(model, tmp_path, CORPUS._replace(train=SENTENCES[:8]), epochs=1)
    assert steps_done(tmp_path) == 1
    assert not torch.equal(tuned.classifier.weight, model.classifier.weight)


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"steps": 0}])
def test_no_step_is_refused(settings):
    with pytest.raises(ValueError, match="at least one epoch, and at least one step"):
        Schedule(**settings)


def test_dev_of_unknown_type_is_refused(tmp_path):
    odd = CORPUS._replace(dev=[annotate("天地", [Span(0, 1, "CITY")])])
    with pytest.raises(ValueError, match="no label for CITY: rename or drop"):
        train(random_raner(), tmp_path, odd)


def test_tokenizer_of_another_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="use the tokenizer"):
        train(random_raner(vocab_size=10), tmp_path)


def test_pruning_map_that_does_not_fit_is_refused(tmp_path):
    for name, numbers in (("kept_heads", [[0], [0, 1, 2, 3]]), ("kept_neurons", [[1, 2], list(range(20))])):
        model = random_raner()
        setattr(model.config, name, numbers)
        with pytest.raises(ValueError, match="layer 0: the pruning map does not fit the weights; prune with"):
            train(model, tmp_path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_processes_share_the_batches_and_agree_on_the_weights(tmp_path):
    launcher = "-m torch.distributed.run --nproc_per_node 2 --master_addr 127.0.0.1 --master_port"
    script = Path(train_in_processes.__file__)
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher.split(), str(free_port()), str(script), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / f"rank-{rank}.pt") for rank in (0, 1))
    for method in ("fine_tune", "distil"):
        ours, theirs = first[method], second[method]
        assert len(ours[0]) == len(theirs[0]) == 6  # steps, which end within the second epoch
        assert not any(a.shape == b.shape and torch.equal(a, b) for a, b in zip(ours[0], theirs[0], strict=True))
        assert all(torch.equal(a, b) for a, b in zip(ours[1], theirs[1], strict=True))
        assert not torch.equal(ours[1][0], ours[1][-1])
        assert torch.equal(ours[2], theirs[2])


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_notebooks_bar_outlives_any_budget(monkeypatch, tmp_path, steps):
    monkeypatch.setattr("transformers.trainer.DEFAULT_PROGRESS_CALLBACK", NotebookProgressCallback)
    train(random_raner(), tmp_path, steps=steps)
    assert steps_done(tmp_path) == steps


def library_state() -> tuple:
    remarks = logging.get_logger("transformers.trainer_utils")
    return remarks.level, logging.is_progress_bar_enabled(), are_progress_bars_disabled()


@pytest.mark.parametrize("bars", [True, False])
def test_the_library_is_as_loud_after_a_training_as_before(bars, tmp_path, monkeypatch):
    model, inside = random_raner(), []
    with torch.no_grad():
        model.classifier.bias[0] = torch.nan
    monkeypatch.setattr(TaggerTrainer, "training_step", lambda *_: inside.append(library_state()) or 1 / 0)
    (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
    try:
        before = library_state()
        with pytest.raises(ZeroDivisionError):
            train(model, tmp_path)
        assert library_state() == before
    finally:
        logging.enable_progress_bar()
    assert inside == [(logging.ERROR, False, True)]


@pytest.mark.skipif(torch.cuda.is_available(), reason="GPUs multiply in bfloat16")
def test_a_cpu_with_instructions_for_bfloat16_trains_in_float32(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True, raising=False)
    model, types = random_raner(), set()
    watch = model.classifier.register_forward_hook(lambda _, inputs, out: types.add((inputs[0].dtype, out.dtype)))
    train(model, tmp_path, steps=1)
    watch.remove()
    assert types == {(torch.float32, torch.float32)}


def test_importing_the_training_asks_the_machine_nothing():
    code = "import torch; torch.cuda.is_available = lambda: exit('asked'); import utils.compress.recovery.distillation"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr


def test_weights_decay_and_biases_do_not(tmp_path):
    """Where the loss is flat, AdamW only shrinks: by 1 - 0.01 learning rates a step (Loshchilov and Hutter 2019)."""
    model, batches = random_raner(), make_batches(SENTENCES, tiny_tokenizer(), random_raner().labels)
    objective = Objective(batches, lambda model, batch: 0 * model(**batch).loss, {})
    schedule = Schedule(epochs=1, learning_rate=0.5)
    flat = training.train(model, tiny_tokenizer(), CORPUS, tmp_path, objective, schedule)
    rates = [0.5 * (1 - step / (STEPS_AN_EPOCH + 1)) / 0.9 for step in range(1, STEPS_AN_EPOCH + 1)]
    shrunk = model.classifier.weight * math.prod(1 - 0.01 * rate for rate in rates)
    torch.testing.assert_close(flat.classifier.weight, shrunk)
    assert torch.equal(flat.classifier.bias, model.classifier.bias)
