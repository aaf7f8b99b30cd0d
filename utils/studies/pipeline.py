"""Steps that one notebook takes for others, taken where it has not been run: head scores, and the article's models.

Prune, fine-tune, quantise, export, as notebook 08 does it: the article's four versions as files. The course has
one recovery, `recovery_schedule`; the original that was trained in the same way, `fair_baseline`, is what cut
models are held against.
"""

import shutil
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from torch import Tensor

from utils.compress.batches import Batch, make_batches
from utils.compress.importance.gradients import michel_per_example
from utils.compress.importance.registry import load_scores, save_scores
from utils.compress.pruning.remove import prune_heads
from utils.compress.pruning.select import select_globally
from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.saved import save_quantized
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Schedule
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_quantize import quantize_onnx
from utils.engines.openvino import quantize_openvino
from utils.measure.run import Run
from utils.model.checkpoint import load_raner, save_raner
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer

SHARE_PRUNED = 0.2
"""Of the heads: the article's choice."""

SCORED = (256, 64)
"""Sentences that heads are scored on: in full, and in a quick run."""

RECOVERY_STEPS, RECOVERY_RATE = (16, 4), 1e-4
"""Steps of a batch of 32 sentences, in full and in a quick run, and the peak of the learning rate: a third of a pass
over the embedded train, so that notebook 05 can train seven models alike in its few minutes."""

CALIBRATED = {"mini": (32, 8), "article": (16, 8)}
"""Texts that ranges of activations are taken from, in full and in a quick run; the twin's F1 is not read."""

LONGEST_CALIBRATED = 200
"""Characters of such a text, at most: a batch of them is padded to the longest."""

TAUGHT_RATE = 4e-4
"""Peak of the rate at which a deep cut is distilled: it has far to go, and soft targets bear it."""

TAUGHT_HIDDEN, TAUGHT_LAYERS = 10.0, 4
"""Weight there of what the teacher's layers hold, as the mean square of a difference is small beside the other losses;
and of how many layers: every third of twelve, which takes a third of the memory."""


def recovery_schedule(run: Run) -> Schedule:
    """The course's one recovery, on `run.training`: of every cut that is judged, and of the original beside it."""
    return Schedule(learning_rate=RECOVERY_RATE, seed=run.seed, steps=RECOVERY_STEPS[run.quick])


def head_scores(run: Run, model: RanerModel, batches: Sequence[Batch]) -> tuple[str, Tensor]:
    """Name and values `(layers, heads)` of the score that notebook 03 chose.

    Args:
        model, batches: what is scored, by Michel's score per example, where no notebook has left a score.
    """

    def build(path: Path) -> None:
        save_scores(path, "Michel, per example", michel_per_example(model, batches))

    return load_scores(run.artifact("scores", build))


def fair_baseline(run: Run, original: RanerModel, tokenizer: CharacterTokenizer, schedule: Schedule) -> RanerModel:
    """The original with the training that a cut gets: what a cut costs is the distance to it, made once a run.

    Args:
        schedule: in steps, of the cuts that are compared.
    """
    return trained(run, f"original-again-{schedule.steps}", original, tokenizer, schedule)


def trained(run: Run, name: str, model: RanerModel, tokenizer: CharacterTokenizer, schedule: Schedule) -> RanerModel:
    """`model` fine-tuned on `run.training`; it is the artifact `mini/{name}-seed{seed}`, made once a run."""
    build = partial(_save_trained, run, model, tokenizer, schedule)
    return load_raner(run.artifact(f"mini/{name}-seed{run.seed}", build))[0]


def _save_trained(run: Run, model: RanerModel, tokenizer: CharacterTokenizer, schedule: Schedule, path: Path) -> None:
    """Save `model` fine-tuned; checkpoints lie beside `path`, from which an interrupted call goes on, until the end."""
    checkpoints = path.with_name(f"{path.name}-checkpoints")
    save_raner(fine_tune(model, tokenizer, run.training, checkpoints, schedule), tokenizer, path)
    shutil.rmtree(checkpoints)


def article_versions(run: Run) -> dict[str, Path]:
    """Model directories by the names of the article's table; what notebook 08 has not left is made alike."""
    original, tokenizer = run.model()

    def kept(name, build):
        return run.artifact(f"mini/{name}-seed{run.seed}", build)

    recovered = kept("recovered", partial(save_recovered, run, original, tokenizer))
    exported = kept("original-onnx", lambda path: export_onnx(original, tokenizer, path))
    pruned, _ = load_raner(recovered)
    return {
        "original": kept("original", lambda path: save_raner(original, tokenizer, path)),
        "quantised": kept("quantized", lambda path: save_quantized(quantize(original), tokenizer, path)),
        "pruned, quantised": kept("pruned-quantized", lambda path: save_quantized(quantize(pruned), tokenizer, path)),
        "ONNX Runtime, quantised": kept("original-onnx-int8", lambda path: quantize_onnx(exported, path)),
    }


def calibration_texts(run: Run, scale: str = "mini") -> list[str]:
    """Texts of train that eight bits are calibrated on, at one of the two scales."""
    short = (s.text for s in run.corpus.train if len(s.text) <= LONGEST_CALIBRATED)
    return list(islice(short, CALIBRATED[scale][run.quick]))


def engine_graphs(run: Run, scale: str, model: RanerModel, tokenizer: CharacterTokenizer) -> dict[str, Path]:
    """Directories of a graph by backend: float32, ONNX Runtime's and OpenVINO's INT8; what notebook 07 has not left is
    made alike.

    Args:
        scale: `mini` for the run's original, `article` for its twin.
    """

    def kept(name, build):
        return run.artifact(f"{scale}/{name}-seed{run.seed}", build)

    exported, texts = kept("original-onnx", partial(export_onnx, model, tokenizer)), calibration_texts(run, scale)
    return {
        "onnx-fp32": exported,
        "onnx-int8": kept("original-onnx-int8", lambda path: quantize_onnx(exported, path)),
        "openvino-int8": kept("original-openvino-int8", lambda path: quantize_openvino(exported, path, texts)),
    }


def save_recovered(run: Run, original: RanerModel, tokenizer: CharacterTokenizer, path: Path) -> None:
    """Save the original without its weakest heads, recovered as every cut of the course is."""
    sample = run.corpus.train[: SCORED[run.quick]]
    scores = michel_per_example(original, make_batches(sample, tokenizer, original.labels))
    pruned = prune_heads(original, select_globally(scores, round(SHARE_PRUNED * scores.numel())))
    _save_trained(run, pruned, tokenizer, recovery_schedule(run), path)
