"""How much each attention head (or neuron) matters: one function a score, `(model, batches) -> (layers, heads)`.

In every score **higher means keep**, a part that is already pruned is NaN, and the answer depends
neither on padding nor, `michel_per_batch` apart, on how the sentences are cut into batches. All work
on `RanerModel` and on any `BertForTokenClassification`, on the device where the model is, leave the
model in the mode that it was in, and raise ValueError where there are no batches to read.

- `gradients`: how the loss answers to a gate in front of a head or a neuron
- `activations`: attention maps, and what a head adds to the sentence
- `weights`: the size of the weights, random noise, and scores divided by their layer's norm
- `oracle`: the loss with one head really left out, which the others estimate
- `registry`: all of them by name, and a score as a file
"""
