"""From text to entities, in numpy: the part of a tagger that is the same for every engine. No torch here.

In reading order:

- `vocabulary`: a BERT vocabulary as files, with its settings
- `tokenizer`: characters to ids of the vocabulary
- `viterbi`: the best tag path of a CRF
- `marginals`: how sure the CRF is of a piece of that path
- `decoding`: emissions to entities, with their confidence at a temperature
- `batching`: which texts share a batch, and a row of it
- `tagger`: `Tagger`, which puts them together around a backend
- `temperature`: the temperature of a model's confidence, kept in its directory
- `cascade`: a small tagger that answers where it is sure, and a large one for the rest
- `exits`: one network in parts, each with an answer of its own

May import: `utils.files`, `utils.text`.
"""
