"""Getting the accuracy back: what pruning broke, repaired by arithmetic, by labels, by the unpruned model.

From cheap to dear. The last two are one training, `utils.compress.training.train`, with two losses.

- `rescaling`, `reconstruction`: least squares, no training; a number for each part that is left, or a whole matrix
- `sublayers`: the halves of the layers, mended from the lowest up by either
- `fine_tuning`: the CRF likelihood of annotated sentences
- `distillation`: answer as the teacher does, on any text
- `gradual`: pruning in steps with one of these after each
"""
