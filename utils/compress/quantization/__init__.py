"""Weights in eight bits, computed with by torch's INT8 engines.

- `integers`: from numbers to 8-bit integers and back, written out
- `storage`: what will be stored how, and how many bytes that is, before anything is done
- `dynamic`: each input's range is found as it arrives
- `static`: ranges fixed ahead, by calibration texts or by a training that rounds
- `saved`: quantised models as directories
"""
