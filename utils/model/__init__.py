"""The network and its files, in torch: BERT with a CRF, as RaNER has it, whole or pruned.

In reading order:

- `crf`: the likelihood of a tag sequence
- `pruned_shape`: what is left of a pruned network, and layers of that width
- `raner`: `RanerModel`, encoder, classifier and CRF
- `modes`: evaluation mode, and attention that shows its weights, for as long as a context lasts
- `layouts`: configuration, labels and weights, as RaNER's publishers arrange them
- `hub`: models by id, from ModelScope and the Hugging Face Hub
- `checkpoint`: `load_raner` and `save_raner`
- `exit_head`: an answer before the last layer
- `torch_tagger`: a `Tagger` whose backend is torch
- `new_head`: the same encoder for other entity types
- `twin`: the same function at the size of BERT-base
- `anatomy`: where the parameters are

May import: `utils.files`, `utils.text`, `utils.tagger`.
"""
