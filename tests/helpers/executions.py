"""How tests execute notebooks: nobody reads their times."""

from utils.measure.machine import machine

ANSWERS_ONLY = {"PYTHONWARNINGS": "", "COURSE_REPEATS": "1"}

FAST = "avx512f" in machine()["flags"]
"""Elsewhere the course takes several times as long, and all notebooks are compared in small sizes."""

ELSEWHERE = ("00", "01", "03", "08")
"""Notebooks that are executed with their solutions where seed, corpus and model are other ones."""
