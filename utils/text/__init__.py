"""Annotated Chinese text: what an entity is, how it is written down, where corpora come from. No torch here.

In reading order:

- `entities`: Span, Entity, Sentence, Corpus, and the error of a corpus that cannot be used
- `tags`: the schemes BIO, BIOES, BMES, BILOU and their kin; tags to spans and back; which tag may follow which
- `segmentation`: where a text may be cut
- `formats`: one reader a file format
- `hub_datasets`: data sets of the Hugging Face Hub
- `corpus`: `load_corpus`, whatever the source
- `augmentation`: new sentences from old ones, with other names in them

May import: `utils.files`.
"""
