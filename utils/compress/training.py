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
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

from utils.compress.gates import check_map
from utils.files import text_digest, write_atomically
from utils.measure.scores import entity_scores
from utils.model.checkpoint import model_digest
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Corpus

Batch = dict[str, Tensor]


Loss = Callable[[nn.Module, Batch], Tensor]
"""`(model, batch) -> loss`; the model may be wrapped for several processes."""


BF16 = torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()
"""Whether this machine multiplies in bfloat16 by itself."""


class DivergedError(FloatingPointError):
    """The loss is no number any more; the message names the step and the batch."""


class Clock(TrainerCallback):
    """Seconds since it was made, interrupted runs' added; ends the training when its budget is spent.

    All processes read the first one's clock: were they to disagree, one would wait for ever.
    """

    def __init__(self, budget: float | None):
        self.budget = math.inf if budget is None else budget
        self.elapsed, self.started = 0.0, time.monotonic()

    @property
    def share(self) -> float:
        return self.elapsed / self.budget

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


class Settings(NamedTuple):
    """How long and how fast: epochs, peak learning rate, seed, and a budget in seconds or None."""

    epochs: int
    learning_rate: float
    seed: int
    seconds: float | None


def train(
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    corpus: Corpus,
    batches: list[Batch],
    loss: Loss,
    out: Path,
    clock: Clock,
    settings: Settings,
    **identity: object,
) -> RanerModel:
    """Train a copy of `model` on `batches`; the epoch with the best F1 on `corpus.dev` is returned.

    An interrupted call, given again, goes on from the last whole epoch in `out` and ends where it
    would have (with a budget: in the seconds that were left); a finished one is not repeated.
    Without a budget, two epochs without progress on dev end the training.

    Args:
        out: directory for checkpoints, one an epoch, and of this run only.
        identity: what else, as JSON, makes this run another one.

    Raises:
        ValueError: `out` holds checkpoints of another run.
        DivergedError: the loss became NaN or infinite.
    """
    logging.disable_progress_bar()  # a bar for each checkpoint that is written; that of the training stays
    logging.get_logger("transformers.trainer_utils").setLevel(logging.ERROR)  # epochs under a second are no fault
    trainer = TaggerTrainer(
        copy.deepcopy(model),
        _arguments(out, settings),
        train_dataset=batches,
        eval_dataset=batches[:1],
        tokenizer=tokenizer,
        corpus=corpus,
        loss=loss,
        clock=clock,
        callbacks=[] if settings.seconds else [EarlyStoppingCallback(early_stopping_patience=2)],
    )
    if trainer.is_world_process_zero():
        data = text_digest(repr((corpus.train, corpus.dev)))
        _claim(out, settings._asdict() | {"model": model_digest(model), "data": data} | identity)
    if not (out / "trainer_state.json").is_file():
        trainer.train(resume_from_checkpoint=_last_checkpoint(out))
        trainer.save_state()
        trainer.accelerator.wait_for_everyone()
    return _best(copy.deepcopy(model), out)


def _arguments(out: Path, settings: Settings) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=1,
        learning_rate=settings.learning_rate,
        weight_decay=0.01,
        bf16=BF16,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="f1",
        restore_callback_states_from_checkpoint=True,
        logging_strategy="epoch",
        seed=settings.seed,
        report_to=[],
        remove_unused_columns=False,
    )


def _claim(out: Path, settings: dict) -> None:
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


class Epoch(NamedTuple):
    """One point of a learning curve: `epoch` from 1, wall-clock, mean training loss, F1 on dev in points."""

    epoch: float
    seconds: float
    loss: float
    f1: float


def learning_curve(out: str | Path) -> list[Epoch]:
    """How the finished training in `out` went, epoch by epoch.

    Raises:
        FileNotFoundError: no training has finished there.
    """
    rows = json.loads((Path(out) / "trainer_state.json").read_text("utf-8"))["log_history"]
    losses = {row["step"]: row["loss"] for row in rows if "loss" in row}
    scored = [row for row in rows if "eval_f1" in row]
    return [Epoch(row["epoch"], row["eval_seconds"], losses[row["step"]], row["eval_f1"]) for row in scored]


def check_trainable(model: RanerModel, tokenizer: CharacterTokenizer, corpus: Corpus, settings: Settings) -> None:
    """Raise ValueError, remedy included, where these do not belong together."""
    if settings.epochs < 1 or (settings.seconds is not None and settings.seconds <= 0):
        raise ValueError(f"{settings}: wanted at least one epoch, and a budget above 0 seconds or None")
    if not corpus.train or not corpus.dev:
        raise ValueError("nothing to train on: the corpus has no train or no dev sentence; see utils.text.hub_datasets")
    known = {label[2:] for label in model.labels}
    if unknown := sorted({e.type for s in (*corpus.train, *corpus.dev) for e in s.entities} - known):
        raise ValueError(f"the model has no label for {', '.join(unknown)}: rename or drop these entities")
    if len(tokenizer) > model.config.vocab_size:
        raise ValueError(
            f"the tokenizer knows {len(tokenizer)} characters, the model {model.config.vocab_size}: "
            "use the tokenizer that was loaded, or pruned, with the model"
        )
    check_map(model)
