"""One training for every loss: the transformers `Trainer` on ready-made batches, scored by entity F1.

What it adds to the library's: a wall-clock budget, a stop at the first loss that is no number, and a
directory of checkpoints that knows what it is of. The progress bar, AdamW, bfloat16, early stopping
and the way through `torchrun` or `accelerate launch` are the library's own. Under these every
process takes batches of its own, so n processes take n batches a step, and `out` must be a directory
that all of them see.
"""

import copy
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import safetensors.torch
import torch
from accelerate.utils import broadcast
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

from utils.compress.batches import Batch
from utils.files import text_digest, write_atomically
from utils.measure.scores import entity_scores
from utils.model.checkpoint import model_digest
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Corpus

Loss = Callable[[nn.Module, Batch], Tensor]
"""`(model, batch) -> loss`; the model may be wrapped for several processes."""


@cache
def multiplies_in_bf16() -> bool:
    """Whether this machine multiplies in bfloat16 by itself; builds of torch without MKLDNN do not say, so: no."""
    on_cpu = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return torch.cuda.is_available() or (on_cpu is not None and on_cpu())


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a training goes.

    Args:
        epochs: 1 or more; fewer are made where the budget, or the patience with dev, ends first.
        learning_rate: peak of AdamW; see `rise_and_fall`.
        seed: of dropout and of the order of the batches.
        seconds: wall-clock budget, evaluations included, the last of them excepted. The learning
            rate has then fallen to 0 at the end of the budget, or of the epochs if that comes
            first. Without a budget, two epochs without progress on dev end the training.

    Raises:
        ValueError: no epoch, or a budget of no time.
    """

    epochs: int = 6
    learning_rate: float = 5e-4
    seed: int = 1
    seconds: float | None = None

    def __post_init__(self):
        if self.epochs < 1 or (self.seconds is not None and self.seconds <= 0):
            raise ValueError(f"{self}: wanted at least one epoch, and a budget above 0 seconds or None")


@dataclass(frozen=True)
class Objective:
    """What is minimised, on which batches, and what, as JSON, tells a run with it from a run with another."""

    batches: list[Batch]
    loss: Loss
    identity: dict[str, object]


class DivergedError(FloatingPointError):
    """The loss is no number any more; the message names the step and the batch."""


class Clock(TrainerCallback):
    """Seconds since it was made, interrupted runs' added; ends the training when the schedule's budget is spent.

    All processes read the first one's clock: were they to disagree, one would wait for ever.
    """

    def __init__(self, schedule: Schedule):
        self.schedule = schedule
        self.elapsed, self.started = 0.0, time.monotonic()

    @property
    def share(self) -> float:
        """What is spent of the budget, 0 to 1 and a little over; 0 where there is none."""
        return self.elapsed / (self.schedule.seconds or math.inf)

    def on_train_begin(self, args, state, control, **_):
        self.elapsed = max((row.get("eval_seconds", 0.0) for row in state.log_history), default=0.0)
        self.started -= self.elapsed

    def on_step_end(self, args, state, control, **_):
        self.elapsed = _of_first_process(time.monotonic() - self.started, args.device)
        in_two_steps = state.global_step == 2  # there the library's notebook bar ends in a division by None
        control.should_training_stop |= self.share >= 1 and not in_two_steps


class TaggerTrainer(Trainer):
    """The Trainer on ready-made batches, with our loss, evaluated by strict entity F1 on dev (in points)."""

    def __init__(self, *args, tokenizer: CharacterTokenizer, corpus: Corpus, loss: Loss, clock: Clock, **kwargs):
        super().__init__(*args, data_collator=_only, **kwargs)
        self.characters, self.corpus, self.loss, self.clock = tokenizer, corpus, loss, clock
        self.add_callback(clock)

    def compute_loss(self, model: nn.Module, inputs: Batch, **_) -> Tensor:
        loss = self.loss(model, inputs)
        if not torch.isfinite(loss):
            pieces = self.characters.tokenizer.convert_ids_to_tokens(inputs["input_ids"][0], skip_special_tokens=True)
            where = f"step {self.state.global_step + 1}, in the batch that begins with {''.join(pieces)!r}"
            raise DivergedError(f"the loss is {loss.item()} at {where}: lower learning_rate, or look for NaN weights")
        return loss

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LambdaLR:
        def factor(step: int) -> float:
            return rise_and_fall(max((step + 1) / (num_training_steps + 1), self.clock.share))

        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, factor)
        return self.lr_scheduler

    def evaluate(self, *_, **__) -> dict[str, float]:
        first = self.is_world_process_zero()
        f1 = _of_first_process(dev_f1(self.model, self.characters, self.corpus) if first else 0.0, self.args.device)
        metrics = {"eval_f1": f1, "eval_seconds": self.clock.elapsed}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def dev_f1(model: RanerModel, tokenizer: CharacterTokenizer, corpus: Corpus) -> float:
    """Strict entity F1 on dev, in points."""
    predictions = torch_tagger(model, tokenizer).predict([sentence.text for sentence in corpus.dev])
    return entity_scores(corpus.dev, predictions).f1


def _only(items: list[Batch]) -> Batch:
    """The ready-made batch; several GPUs in one process would ask for more: `torchrun` gives each a process."""
    (batch,) = items
    return batch


def rise_and_fall(progress: float) -> float:
    """Learning rate as a share of its peak: linear to 1 at a tenth of the way, linear to 0 at its end.

    Args:
        progress: steps done of all steps, or seconds spent of the budget, whichever is further.

    Source: Li, Yumer and Ramanan 2020, "Budgeted Training", section 4: decay linearly over the
    budget that there is, whatever it is counted in.
    """
    return max(0.0, min(progress / 0.1, (1 - progress) / 0.9))


def _of_first_process(value: float, device: torch.device) -> float:
    return float(broadcast(torch.tensor(value, dtype=torch.double, device=device)))


def train(
    model: RanerModel, tokenizer: CharacterTokenizer, corpus: Corpus, out: Path, objective: Objective, clock: Clock
) -> RanerModel:
    """Train a copy of `model`; the epoch with the best F1 on `corpus.dev` is returned, in evaluation mode.

    An interrupted call, given again, goes on from the last whole epoch in `out` and ends where it
    would have (with a budget: in the seconds that were left); a finished one is not repeated. The
    library seeds the generators of Python, numpy and torch for the whole process.

    Args:
        out: directory for checkpoints, one an epoch, and of this run only.
        clock: of the training's schedule; what happened since it was made counts as time of the training.

    Raises:
        ValueError: `out` holds checkpoints of another run.
        DivergedError: the loss became NaN or infinite.
    """
    with _quiet_library():
        trainer = _trainer(copy.deepcopy(model), tokenizer, corpus, out, objective, clock)
        if trainer.is_world_process_zero():
            run = {"model": model_digest(model), "data": text_digest(repr((corpus.train, corpus.dev)))}
            _claim(out, asdict(clock.schedule) | run | objective.identity)
        if not (out / "trainer_state.json").is_file():
            trainer.train(resume_from_checkpoint=_last_checkpoint(out))
            trainer.save_state()
            trainer.accelerator.wait_for_everyone()
    return _best(copy.deepcopy(model), out)


@contextmanager
def _quiet_library() -> Iterator[None]:
    """No bar for each checkpoint that is written, no remark on epochs under a second; afterwards all is as before.

    Both belong to the process: other threads are quiet too meanwhile, and of two trainings at a time
    the first to end turns the library's bars on again.
    """
    remarks = logging.get_logger("transformers.trainer_utils")
    level, bars, hub_quiet = remarks.level, logging.is_progress_bar_enabled(), are_progress_bars_disabled()
    logging.disable_progress_bar()
    remarks.setLevel(logging.ERROR)
    try:
        yield
    finally:
        remarks.setLevel(level)
        if bars:
            with warnings.catch_warnings(action="ignore"):  # the hub's, where the environment forbids it bars
                logging.enable_progress_bar()
        if hub_quiet:
            disable_progress_bars()


def _trainer(
    model: RanerModel, tokenizer: CharacterTokenizer, corpus: Corpus, out: Path, objective: Objective, clock: Clock
) -> TaggerTrainer:
    patience = [] if clock.schedule.seconds else [EarlyStoppingCallback(early_stopping_patience=2)]
    return TaggerTrainer(
        model,
        _arguments(out, clock.schedule),
        train_dataset=objective.batches,
        eval_dataset=objective.batches[:1],
        tokenizer=tokenizer,
        corpus=corpus,
        loss=objective.loss,
        clock=clock,
        callbacks=patience,
    )


def _arguments(out: Path, schedule: Schedule) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=1,
        learning_rate=schedule.learning_rate,
        weight_decay=0.01,
        bf16=multiplies_in_bf16(),
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="f1",
        restore_callback_states_from_checkpoint=True,
        logging_strategy="epoch",
        seed=schedule.seed,
        report_to=[],
        remove_unused_columns=False,
    )


def _claim(out: Path, settings: dict[str, object]) -> None:
    """Write down what the checkpoints in `out` are of, or make sure that they are of just that."""
    record = out / "settings.json"
    if not record.is_file() and _last_checkpoint(out) is None:
        write_atomically(record, json.dumps(settings, indent=2))
        return
    found = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    if other := [name for name in settings.keys() | found.keys() if settings.get(name) != found.get(name)]:
        reason = f"another run's checkpoints, with another {', '.join(sorted(other))}"
        raise ValueError(f"{out} holds {reason}: give another directory, or delete this one")


def _last_checkpoint(out: Path) -> str | None:
    """The last checkpoint that was written to its end: its `trainer_state.json` comes last."""
    whole = [path.parent for path in out.glob("checkpoint-*/trainer_state.json")]
    return str(max(whole, key=lambda path: int(path.name.split("-")[1]))) if whole else None


def _best(model: RanerModel, out: Path) -> RanerModel:
    """`model` with the best epoch's weights: the Trainer's own would go on computing in bfloat16."""
    state = json.loads((out / "trainer_state.json").read_text("utf-8"))
    weights = out / Path(state["best_model_checkpoint"]).name / "model.safetensors"
    model.load_state_dict(safetensors.torch.load_file(weights))
    return model.cpu().eval()
