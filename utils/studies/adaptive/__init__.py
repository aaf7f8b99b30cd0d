"""Computation that adapts to its input: easy sentences, or easy characters, get fewer layers.

In reading order:

- `models`: the versions that are compared, made where no notebook has left them
- `heads`: exits of a network, trained while the network is left alone
- `thresholds`: what a threshold keeps and what it hands on; the one that dev chooses
- `hard_sentences`: which sentences are handed on, and what is special about them
- `token_exit`: single characters that stop, simulated and counted

May import what `utils.studies` may.
"""
