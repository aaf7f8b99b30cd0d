"""What computed, in words: the name of a GPU or a CPU, and the versions that decide how."""

import subprocess
from importlib.metadata import PackageNotFoundError, version

import onnxruntime
import torch

from utils.measure.machine import machine


def describe(device: str) -> dict:
    """A row's `Device`."""
    try:
        tensorrt = version("tensorrt")
    except PackageNotFoundError:
        tensorrt = None
    return {
        "name": machine()["cpu"] if device == "cpu" else torch.cuda.get_device_name(device),
        "onnxruntime": onnxruntime.__version__,  # of what was imported: two builds of it may be installed
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "tensorrt": tensorrt,
    }


def _driver() -> str | None:
    """The version of NVIDIA's driver; None where its own tool is not there or finds no GPU."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None
