"""A graph in float16: half of the bytes, and on a GPU the units that multiply such numbers.

float16 ends at 65504. The converter moves what lies beyond to there: the number that written-out attention adds where
a position must not look is float32's lowest. It still wins over every score, so the weight of such a position is 0.

(onnxruntime.transformers.float16)
"""

from pathlib import Path

import onnx

from utils.engines.onnx_files import GRAPH_FILE, copy_surroundings, quiet


def halve_onnx(source: str | Path, path: str | Path) -> Path:
    """Write a directory whose graph computes in float16. What goes in and what comes out keep their types."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    source, path = Path(source), copy_surroundings(source, path)
    with quiet():
        half = convert_float_to_float16(onnx.load(source / GRAPH_FILE), keep_io_types=True)
    onnx.save(half, path / GRAPH_FILE)
    return path
