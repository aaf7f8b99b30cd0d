"""The versions that adaptive computation is made of and held against, made where no notebook has left them."""

import shutil
from functools import partial
from pathlib import Path

from utils.compress.batches import make_batches
from utils.compress.importance.gradients import michel_per_example, neuron_importance
from utils.compress.recipes import COMPRESSED, left_after, prune_to
from utils.compress.recovery.distillation import Distillation, distil, shallow_student
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Schedule
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_quantize import quantize_onnx
from utils.measure.run import Run
from utils.model.checkpoint import load_raner, save_raner
from utils.model.raner import RanerModel
from utils.studies import pipeline
from utils.tagger.tokenizer import CharacterTokenizer

SCORED = (64, 16)
"""Sentences that heads and neurons are scored on where notebook 08 has not been run: in full, and in a quick run."""

OWN_BASELINE = "original-again-own"
"""What notebook 08 calls the fair baseline of its own versions."""

SHALLOW = 4
"""Layers of the smallest version."""


def compressed(run: Run, name: str) -> tuple[str, Path]:
    """A version of notebook 08: the name of what there is of it in this run, and its float32 directory.

    Where 08 has not been run, *short* stands behind the name: the same cut by cheaper scores, recovered with the
    course's short schedule on labels alone. It answers worse than 08's.

    Args:
        name: of `utils.compress.recipes.COMPRESSED`.
    """
    if run.has(place := f"mini/{name}-seed{run.seed}"):
        return name, run.artifacts / place
    short = f"{name}-short"
    return short, run.artifact(f"mini/{short}-seed{run.seed}", partial(_save_short, run, name))


def fair_baseline(run: Run) -> tuple[str, RanerModel]:
    """The original that had as long a training as `compressed`, and what it is called.

    Where notebook 08 has been run, the one that learned from the same texts for as many steps; else the course's.
    """
    if run.has(place := f"mini/{OWN_BASELINE}-seed{run.seed}"):
        return OWN_BASELINE, load_raner(run.artifacts / place)[0]
    original, tokenizer = run.model()
    return "original-again", pipeline.fair_baseline(run, original, tokenizer, pipeline.recovery_schedule(run))


def _save_short(run: Run, name: str, path: Path) -> None:
    original, tokenizer = run.model()
    batches = make_batches(run.corpus.train[: SCORED[run.quick]], tokenizer, original.labels, batch_size=8)
    scores = michel_per_example(original, batches), neuron_importance(original, batches)
    cut = prune_to(original, *scores, left_after(original, COMPRESSED[name]))
    place = path.with_name(f"{path.name}-checkpoints")
    save_raner(fine_tune(cut, tokenizer, run.training, place, pipeline.recovery_schedule(run)), tokenizer, path)
    shutil.rmtree(place)


def shallow(run: Run, source: str, deep: RanerModel, steps: int) -> Path:
    """The float32 directory of `SHALLOW` layers of a model, distilled from the run's original.

    Args:
        source: name of the model whose layers they are.
    """
    build = partial(_save_shallow, run, deep, steps)
    return run.artifact(f"mini/shallow-seed{run.seed}", build, recipe=(source, SHALLOW, steps))


def _save_shallow(run: Run, deep: RanerModel, steps: int, path: Path) -> None:
    original, tokenizer = run.model()
    student = shallow_student(deep, min(SHALLOW, deep.config.num_hidden_layers))
    schedule = Schedule(learning_rate=pipeline.TAUGHT_RATE, seed=run.seed, steps=steps)
    lesson, place = Distillation(original, hidden=pipeline.TAUGHT_HIDDEN), path.with_name(f"{path.name}-checkpoints")
    save_raner(distil(student, tokenizer, run.training, place, schedule, lesson), tokenizer, path)
    shutil.rmtree(place)


def in_eight_bits(run: Run, scale: str, name: str, model: RanerModel, tokenizer: CharacterTokenizer) -> Path:
    """The ONNX INT8 directory of a version at a scale, under the name that notebook 08 gives it."""
    exported = run.artifact(f"{scale}/{name}-onnx-seed{run.seed}", lambda path: export_onnx(model, tokenizer, path))
    return run.artifact(f"{scale}/{name}-onnx-int8-seed{run.seed}", lambda path: quantize_onnx(exported, path))
