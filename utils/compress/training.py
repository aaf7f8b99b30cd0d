"""One training for every loss: the transformers `Trainer` on ready-made batches, scored by entity F1.

What it adds to the library's: dev scored in points of F1, a stop at the first loss that is no number, and
a directory of checkpoints that knows what it is of. The progress bar, AdamW, early stopping and the way
through `torchrun` or `accelerate launch` are the library's own. Under these every process takes batches
of its own, so n processes take n batches a step, and `out` must be a directory that all of them see.

No clock decides anything, and CPUs compute in float32, those with instructions for bfloat16 too: the same
seed trains the same model on each of them, to within float noise. GPUs multiply in bfloat16.
"""

import copy
import json
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
import torch
from accelerate.utils import broadcast
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainerState, TrainingArguments
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


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a training goes.

    Args:
        epochs: passes over the batches, 1 or more; two without progress on dev end the training.
        learning_rate: peak of AdamW; see `rise_and_fall`.
        seed: of dropout and of the order of the batches.
        steps: of the optimizer, instead of `epochs`: all of them are made, whatever dev says, and the last
            is followed by a score on dev even where it does not end an epoch. None: `epochs` counts.

    Raises:
        ValueError: no epoch, or no step.
    """

    epochs: int = 6
    learning_rate: float = 5e-4
    seed: int = 1
    steps: int | None = None

    def __post_init__(self):
        if self.epochs < 1 or (self.steps is not None and self.steps < 1):
            raise ValueError(f"{self}: wanted at least one epoch, and at least one step or None")


@dataclass(frozen=True)
class Objective:
    """What is minimised, on which batches, and what, as JSON, tells a run with it from a run with another."""

    batches: list[Batch]
    loss: Loss
    identity: dict[str, object]


class DivergedError(FloatingPointError):
    """The loss is no number any more; the message names the step and the batch."""


class Clock(TrainerCallback):
    """Seconds that the steps of whole epochs took, interrupted runs' added; what comes between epochs is left out."""

    def __init__(self):
        self.elapsed, self.started = 0.0, 0.0

    def on_train_begin(self, args, state, control, **_):
        self.elapsed = max((row.get("eval_seconds", 0.0) for row in state.log_history), default=0.0)

    def on_epoch_begin(self, args, state, control, **_):
        self.started = time.monotonic()

    def on_epoch_end(self, args, state, control, **_):
        self.elapsed += time.monotonic() - self.started


class TaggerTrainer(Trainer):
    """The Trainer on ready-made batches, with our loss, evaluated by strict entity F1 on dev (in points)."""

    def __init__(self, *args, tokenizer: CharacterTokenizer, corpus: Corpus, loss: Loss, **kwargs):
        super().__init__(*args, data_collator=_only, **kwargs)
        self.characters, self.corpus, self.loss, self.clock = tokenizer, corpus, loss, Clock()
        self.add_callback(self.clock)

    def compute_loss(self, model: nn.Module, inputs: Batch, **_) -> Tensor:
        loss = self.loss(model, inputs)
        if not torch.isfinite(loss):
            pieces = self.characters.tokenizer.convert_ids_to_tokens(inputs["input_ids"][0], skip_special_tokens=True)
            where = f"step {self.state.global_step + 1}, in the batch that begins with {''.join(pieces)!r}"
            raise DivergedError(f"the loss is {loss.item()} at {where}: lower learning_rate, or look for NaN weights")
        return loss

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LambdaLR:
        def factor(step: int) -> float:
            return rise_and_fall((step + 1) / (num_training_steps + 1))

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
        progress: steps done of all steps.

    Source: Li, Yumer and Ramanan 2020, "Budgeted Training", section 4: decay linearly over the
    budget that there is.
    """
    return max(0.0, min(progress / 0.1, (1 - progress) / 0.9))


def _of_first_process(value: float, device: torch.device) -> float:
    return float(broadcast(torch.tensor(value, dtype=torch.double, device=device)))


def train(
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    corpus: Corpus,
    out: Path,
    objective: Objective,
    schedule: Schedule,
) -> RanerModel:
    """Train a copy of `model`; the epoch with the best F1 on `corpus.dev` is returned, in evaluation mode.

    An interrupted call, given again, goes on from the last whole epoch in `out` and ends where it
    would have; a finished one is not repeated. The library seeds the generators of Python, numpy and
    torch for the whole process.

    Args:
        out: directory for checkpoints, one an epoch, and of this run only.

    Raises:
        ValueError: `out` holds checkpoints of another run.
        DivergedError: the loss became NaN or infinite.
    """
    with _quiet_library():
        trainer = _trainer(copy.deepcopy(model), tokenizer, corpus, out, objective, schedule)
        if trainer.is_world_process_zero():
            run = {"model": model_digest(model), "data": text_digest(repr((corpus.train, corpus.dev)))}
            _claim(out, asdict(schedule) | run | objective.identity)
        if not (out / "trainer_state.json").is_file():
            _train_to_the_end(trainer, _last_checkpoint(out))
            trainer.accelerator.wait_for_everyone()
    return _best(copy.deepcopy(model), out)


def _train_to_the_end(trainer: TaggerTrainer, last: str | None) -> None:
    """Go on from the checkpoint `last`; one of the last step is the end, where the library would make a step more."""
    if last and _step(Path(last)) == trainer.args.max_steps:
        trainer.state = TrainerState.load_from_json(str(Path(last) / "trainer_state.json"))
    else:
        trainer.train(resume_from_checkpoint=last)
    trainer.save_state()


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
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    corpus: Corpus,
    out: Path,
    objective: Objective,
    schedule: Schedule,
) -> TaggerTrainer:
    patience = [] if schedule.steps else [EarlyStoppingCallback(early_stopping_patience=2)]
    return TaggerTrainer(
        model,
        _arguments(out, schedule),
        train_dataset=objective.batches,
        eval_dataset=objective.batches[:1],
        tokenizer=tokenizer,
        corpus=corpus,
        loss=objective.loss,
        callbacks=patience,
    )


def _arguments(out: Path, schedule: Schedule) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out),
        num_train_epochs=schedule.epochs,
        max_steps=schedule.steps or -1,
        per_device_train_batch_size=1,
        learning_rate=schedule.learning_rate,
        weight_decay=0.01,
        bf16=torch.cuda.is_available(),
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
    return str(max(whole, key=_step)) if whole else None


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[1])


def _best(model: RanerModel, out: Path) -> RanerModel:
    """`model` with the best epoch's weights: the Trainer's own would go on computing in bfloat16."""
    state = json.loads((out / "trainer_state.json").read_text("utf-8"))
    weights = out / Path(state["best_model_checkpoint"]).name / "model.safetensors"
    model.load_state_dict(safetensors.torch.load_file(weights))
    return model.cpu().eval()
