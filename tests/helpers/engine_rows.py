"""Rows of a ledger and choices of engines with known answers."""

from utils.engines.pareto import Choice


def row(stage, backend, scale, ms, f1=None, notebook="07"):
    return {
        "stage": stage, "backend": backend, "scale": scale, "notebook": notebook, "f1": f1,
        "latency_ms": {"p50": ms, "p95": ms}, "file_bytes": 4_000_000, "rss_mb": 200.0,
    }  # fmt: skip


ROWS = [
    row("original", "torch-fp32", "mini", 9, 90.0),
    row("original", "torch-fp32", "article", 700),
    row("quantized", "onnx-int8", "mini", 4, 89.6),
    row("quantized", "onnx-int8", "article", 200),
    row("quantized", "openvino-int8", "mini", 4, 88.0),
    row("quantized", "openvino-int8", "article", 150),
    row("original", "onnx-fp32", "article", 400),
    row("pruned", "onnx-int8", "article", 90, notebook="08"),
]

FRONT = [
    Choice("slow and good", "torch-fp32", 100.0, 400.0, 800.0, 90.0),
    Choice("beaten", "torch-int8", 60.0, 100.0, 600.0, 84.0),
    Choice("between", "onnx-int8", 50.0, 100.0, 300.0, 85.0),
    Choice("fast", "onnx-int8", 10.0, 40.0, 250.0, 80.0),
    Choice("unknown", "onnx-fp32", 1.0, 400.0, 500.0, None),
]
