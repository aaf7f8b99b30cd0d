"""Steps that one notebook takes for others, taken where it has not been run: head scores, and the article's models.

Prune, fine-tune, quantise, export, as notebook 08 does it: the article's four versions as files.
"""

from collections.abc import Sequence
from functools import partial
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
from utils.measure.run import Run
from utils.model.checkpoint import load_raner, save_raner
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer

SHARE_PRUNED = 0.2
"""Of the heads: the article's choice."""

SCORED, EPOCHS = (256, 64), (4, 1)
"""Sentences that heads are scored on, and epochs of the fine-tuning: in full, and in a quick run."""


def head_scores(run: Run, model: RanerModel, batches: Sequence[Batch]) -> tuple[str, Tensor]:
    """Name and values `(layers, heads)` of the score that notebook 03 chose.

    Args:
        model, batches: what is scored, by Michel's score per example, where no notebook has left a score.
    """

    def build(path: Path) -> None:
        save_scores(path, "Michel, per example", michel_per_example(model, batches))

    return load_scores(run.artifact("scores", build))


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


def save_recovered(run: Run, original: RanerModel, tokenizer: CharacterTokenizer, path: Path) -> None:
    """Save the original without its weakest heads, fine-tuned on the run's corpus."""
    sample = run.corpus.train[: SCORED[run.quick]]
    scores = michel_per_example(original, make_batches(sample, tokenizer, original.labels))
    pruned = prune_heads(original, select_globally(scores, round(SHARE_PRUNED * scores.numel())))
    checkpoints = path.with_name(f"{path.name}-checkpoints")
    schedule = Schedule(epochs=EPOCHS[run.quick], seed=run.seed)
    tuned = fine_tune(pruned, tokenizer, run.training, checkpoints, schedule)
    save_raner(tuned, tokenizer, path)
