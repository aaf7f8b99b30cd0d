"""On what was measured: processor, instructions, cores, threads, memory, versions."""

import functools
import importlib.metadata
import math
import platform
from collections.abc import Collection

import cpuinfo
import psutil

from utils.measure.cgroups import granted_cpus, granted_memory
from utils.measure.memory import MB

VNNI = ("avx512_vnni", "avx_vnni", "amx_int8")
"""Instructions of x86 that multiply 8-bit integers and add the products in 32 bits, in one go."""

INT8_FLAGS = (*VNNI, "asimddp")
"""The same, with that of ARM."""

FLAGS = ("avx2", "avx512f", *INT8_FLAGS)
"""CPU features that decide how fast float and 8-bit integer products are."""

CLASSES = {
    "amx_int8": "AMX", "avx512_vnni": "AVX-512 VNNI", "avx_vnni": "AVX-VNNI", "asimddp": "NEON dot product",
    "avx512f": "AVX-512", "avx2": "AVX2",
}  # fmt: skip
"""Flag -> kind of CPU, the quickest with 8-bit integers first."""

PACKAGES = ("torch", "transformers", "onnxruntime", "numpy")


def machine() -> dict:
    """On what it ran: `cpu`, `flags` (those of `FLAGS` it has), physical `cores` and `logical_cores`,
    torch's `threads` at this moment, `memory_mb`, and `versions` of the system, Python and the libraries.

    Of cores and memory, what this process may use counts, be the machine larger.
    """
    (cpu, flags), usable = _cpu(), usable_cpus()
    import torch

    return {
        "cpu": cpu,
        "flags": list(flags),
        "cores": min(psutil.cpu_count(logical=False) or usable, usable),
        "logical_cores": usable,
        "threads": torch.get_num_threads(),
        "memory_mb": round(min(psutil.virtual_memory().total, granted_memory()) / MB),
        "versions": {"os": f"{platform.system()} {platform.machine()}", "python": platform.python_version()}
        | {package: installed_version(package) for package in PACKAGES},
    }


def installed_version(package: str) -> str:
    """Of a package, or of its build for GPUs, whose name ends in `-gpu`.

    Raises:
        importlib.metadata.PackageNotFoundError: neither is installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return importlib.metadata.version(f"{package}-gpu")


def cpu_class(flags: Collection[str]) -> str:
    """The kind of CPU that decides how fast 8-bit integers are: the first of `CLASSES` among the flags."""
    return next((name for flag, name in CLASSES.items() if flag in flags), "without AVX2")


def usable_cpus() -> int:
    """Logical CPUs that this process can keep busy: those it is bound to, and no more than its container pays for."""
    process = psutil.Process()
    bound = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else psutil.cpu_count() or 1
    return max(1, math.ceil(min(bound, granted_cpus())))


@functools.cache
def _cpu() -> tuple[str, tuple[str, ...]]:
    info = cpuinfo.get_cpu_info()
    spelled = {flag.replace("_", "") for flag in info.get("flags", [])}  # systems differ in underscores
    return info.get("brand_raw", platform.machine()), tuple(f for f in FLAGS if f.replace("_", "") in spelled)
