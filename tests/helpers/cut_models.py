"""A small model with heads and neurons gone, and what its sublayers hand to their LayerNorms."""

import torch
from tiny_models import random_raner, random_rows, stack

from utils.compress.gates import observed
from utils.compress.pruning.remove import prune_heads, prune_neurons

LENGTHS = (9, 6, 12, 7, 11, 8, 10) * 4
GONE = {0: [1], 1: [0, 3]}
FEWER = {0: [0, 3, 7, 11, 19], 1: [2, 4, 5, 6]}


def cut_model():
    """A pruned model, its original, and batches with padding."""
    original = random_raner()
    pruned = prune_neurons(prune_heads(original, GONE), FEWER)
    return pruned, original, stack(random_rows(original, lengths=LENGTHS), 3, padding=2)


def norm_inputs(model, batches) -> list[torch.Tensor]:
    """What each block hands to its LayerNorm, in order of the blocks, real positions: `(positions, features)`."""
    blocks = [part for layer in model.bert.encoder.layer for part in (layer.attention.output, layer.output)]
    rows = [[] for _ in blocks]
    with torch.no_grad():
        for batch in batches:
            real = batch["attention_mask"].bool()
            with observed([b.LayerNorm for b in blocks], lambda i, args, *_, real=real: rows[i].append(args[0][real])):
                model(batch["input_ids"], batch["attention_mask"])
    return [torch.cat(row) for row in rows]


def mixers(model) -> list[torch.nn.Linear]:
    return [part.dense for layer in model.bert.encoder.layer for part in (layer.attention.output, layer.output)]
