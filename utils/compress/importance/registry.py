"""All scores of heads by the names that notebooks and tables give them, and a score as a file."""

from collections.abc import Callable, Sequence
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import BertPreTrainedModel

from utils.compress.batches import Batch
from utils.compress.importance.activations import article_score, attention_entropy, confidence, frobenius_norm
from utils.compress.importance.gradients import fisher, michel_per_batch, michel_per_example, michel_per_token, taylor
from utils.compress.importance.weights import random_score, weight_magnitude

SCORES: dict[str, Callable[[BertPreTrainedModel, Sequence[Batch]], Tensor]] = {
    "article's code": article_score,
    "Frobenius norm": frobenius_norm,
    "Michel, per token": michel_per_token,
    "Michel, per example": michel_per_example,
    "Michel, per batch": michel_per_batch,
    "Taylor": taylor,
    "Fisher": fisher,
    "weight magnitude": weight_magnitude,
    "attention entropy": attention_entropy,
    "confidence": confidence,
    "random": random_score,
}
"""The estimates by name; `leave_one_out` is what they are held against."""


def save_scores(path: str | Path, name: str, scores: Tensor) -> None:
    """Write a score `(layers, heads)` and its name to a safetensors file."""
    save_file({"scores": scores.contiguous()}, path, metadata={"name": name})


def load_scores(path: str | Path) -> tuple[str, Tensor]:
    """Name and `(layers, heads)` of a score that `save_scores` wrote.

    Raises:
        FileNotFoundError: there is no such file.
    """
    with safe_open(path, "pt") as file:
        return file.metadata()["name"], file.get_tensor("scores")
