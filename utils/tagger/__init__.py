"""From text to entities, in numpy: the part of a tagger that is the same for every engine. No torch here.

In reading order:

- `vocabulary`: a BERT vocabulary as files, with its settings
- `tokenizer`: characters to ids of the vocabulary
- `viterbi`: the best tag path of a CRF
- `marginals`: how sure the CRF is of a piece of that path
- `batching`: which texts share a batch, and a row of it
- `tagger`: `Tagger`, which puts them together around a backend

May import: `utils.files`, `utils.text`.
"""
