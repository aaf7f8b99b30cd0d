"""How tests execute notebooks: nobody reads their times."""

from utils.measure.machine import machine

ANSWERS_ONLY = {"PYTHONWARNINGS": "", "COURSE_REPEATS": "1"}

FAST = "avx512f" in machine()["flags"]
"""Elsewhere the course takes several times as long, and all notebooks are compared in small sizes."""
