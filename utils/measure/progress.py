"""A bar for what may take long with a large model: scores of heads, a whole test set, a mended layer."""

from collections.abc import Collection, Iterable
from typing import TypeVar

from tqdm.auto import tqdm

Item = TypeVar("Item")

PATIENCE = 10
"""Seconds before a bar appears. Every bar leaves an empty output in its notebook, so short work goes without."""


def shown(items: Collection[Item], what: str) -> Iterable[Item]:
    """The items, one after the other, and after `PATIENCE` seconds a bar that says how many are done; then it goes."""
    return tqdm(items, what, leave=False, delay=PATIENCE)
