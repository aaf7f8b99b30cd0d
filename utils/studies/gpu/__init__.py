"""What a GPU makes of the tagger: torch, and ONNX Runtime on CUDA and on TensorRT, with 32 bits and with 16.

One text, and many at once, at the embedded model's size and at the article's. The versions take turns, and each is
held against torch in float32 on the same device. Needs `requirements-gpu.txt`; README.md says how.

    python -m utils.studies.gpu --out FILE.json

The rows have a file of their own. Those of the ledger are what notebooks make again on any computer, and `course
check` holds them against a CPU's; their names have no place for a device or for how many texts are read at once.
An interrupted run goes on where it stopped when the same command is given again. A session in which a version had
to be left out is measured again: what was missing may be there now.

In reading order:

- `rows`: what is stored, and how it is told
- `device`: what computed
- `versions`: what is compared, and how each is opened
- `session`: parity, and times in turns

May import what `utils.studies` may.
"""
