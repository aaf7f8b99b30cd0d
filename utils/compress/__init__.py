"""Making the network smaller: what matters, what goes, how accuracy comes back, and fewer bits.

In reading order:

- `batches`: annotated sentences as padded tensors
- `gates`: factors in front of heads and neurons; hooks that go when their context ends
- `importance/`: a score for each head or neuron
- `pruning/`: the lowest scores selected, the cost predicted, the matrices cut
- `recipes`: cuts with a name and a bar of F1 that they have to hold
- `checks`: whether model, pruning map, tokenizer and corpus belong together
- `training`: one training for every loss, with a budget and checkpoints
- `curves`: how a finished training went
- `recovery/`: rescaling, fine-tuning, distillation; pruning in steps
- `quantization/`: eight bits

May import `files`, `text`, `tagger`, `model` and `measure`; inside the room, `training` and `recovery`
are the only ones that load the Trainer.
"""
