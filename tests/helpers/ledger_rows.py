"""Rows of a ledger, and models small enough to count by hand."""

import torch
from transformers import BertConfig

from utils.measure.row import Row
from utils.model.raner import RanerModel
from utils.text.tags import RANER_LABELS

MACHINE = {
    "cpu": "某处理器", "flags": ["avx2"], "cores": 2, "logical_cores": 4, "threads": 1, "memory_mb": 8000,
    "versions": {"torch": "2"},
}  # fmt: skip


def tiny_model(**settings) -> RanerModel:
    """Two layers of four heads, 24 neurons, 31 characters."""
    torch.manual_seed(0)
    return RanerModel(
        BertConfig(
            vocab_size=31, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
            max_position_embeddings=16, id2label=dict(enumerate(RANER_LABELS)), **settings,
        )
    )  # fmt: skip


def fast(value: float, base: str = "original/torch-fp32/whole") -> dict:
    """So many times as fast as the base, to a twentieth."""
    return {"base": base, "value": value, "low": 0.95 * value, "high": 1.05 * value}


def full_row(stage="original", scale="mini", backend="torch-fp32", p50=20.0, rss=400.0, **changes) -> dict:
    """A row in which everything was measured."""
    row = dict.fromkeys(Row.model_fields) | {
        "stage": stage, "notebook": "01", "scale": scale, "backend": backend, "heads_per_layer": [4, 4],
        "reading": "whole", "steps": 0, "seed": 1, "batch_size": 16, "session": "0123456789ab",
        "times_as_fast": fast(1.0), "f1_difference": {"base": "original-again", "value": 0.0, "low": -1.0, "high": 1.0},
        "ffn_per_layer": [24, 24], "vocabulary": 31, "parameters": 1000, "file_bytes": 4000, "precision": 80.0,
        "recall": 70.0, "f1": 74.67, "f1_low": 70.0, "f1_high": 79.0, "f1_by_type": {"LOC": 74.67},
        "latency_ms": {"p50": p50, "p95": p50 * 1.5}, "rss_mb": rss,
        "machine": {key: MACHINE[key] for key in ("cpu", "flags", "cores", "threads", "versions")},
    }  # fmt: skip
    return row | changes
