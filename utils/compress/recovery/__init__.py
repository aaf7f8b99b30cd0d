"""Getting the accuracy back: what pruning broke, repaired by arithmetic, by labels, by the unpruned model.

From cheap to dear. The last two are one training, `utils.compress.training.train`, with two losses.

- `rescaling`: least squares, no training
- `fine_tuning`: the CRF likelihood of annotated sentences
- `distillation`: answer as the teacher does, on any text
- `gradual`: pruning in steps with one of these after each
"""
