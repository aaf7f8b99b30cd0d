"""On what was measured: processor, instructions, cores, threads, memory, versions."""

import functools
import importlib.metadata
import platform

import cpuinfo
import psutil

from utils.measure.memory import MB

VNNI = ("avx512_vnni", "avx_vnni", "amx_int8")
"""Instructions of x86 that multiply 8-bit integers and add the products in 32 bits, in one go."""

INT8_FLAGS = (*VNNI, "asimddp")
"""The same, with that of ARM."""

FLAGS = ("avx2", "avx512f", *INT8_FLAGS)
"""CPU features that decide how fast float and 8-bit integer products are."""

PACKAGES = ("torch", "transformers", "onnxruntime", "numpy")


def machine() -> dict:
    """On what it ran: `cpu`, `flags` (those of `FLAGS` it has), physical `cores` and `logical_cores`,
    torch's `threads` at this moment, `memory_mb`, and `versions` of the system, Python and the libraries.
    """
    cpu, flags = _cpu()
    import torch

    return {
        "cpu": cpu,
        "flags": list(flags),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "logical_cores": psutil.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_mb": round(psutil.virtual_memory().total / MB),
        "versions": {"os": f"{platform.system()} {platform.machine()}", "python": platform.python_version()}
        | {package: importlib.metadata.version(package) for package in PACKAGES},
    }


@functools.cache
def _cpu() -> tuple[str, tuple[str, ...]]:
    info = cpuinfo.get_cpu_info()
    spelled = {flag.replace("_", "") for flag in info.get("flags", [])}  # systems differ in underscores
    return info.get("brand_raw", platform.machine()), tuple(f for f in FLAGS if f.replace("_", "") in spelled)
