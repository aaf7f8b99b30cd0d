"""Percentiles of waits with their 95 % intervals."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import quantile_test


def interval(waits: Sequence[float], q: float) -> tuple[float, float]:
    """Between which waits the q-th percentile lies, by order statistics; nothing is assumed of how they are spread.

    Each wait counts as one observation. Those of one moment share a queue: where it is long, this is too narrow.
    """
    low, high = quantile_test(waits, p=q / 100).confidence_interval(0.95)
    return float(low), float(high)


def reported(waits: Sequence[float]) -> str:
    """Median and 95th percentile in milliseconds, each with its interval."""
    numbers = ((q, np.percentile(waits, q), *interval(waits, q)) for q in (50, 95))
    words = (f"p{q} {value:.1f} [{low:.1f}, {high:.1f}]" for q, value, low, high in numbers)
    return f"{', '.join(words)} ms of {len(waits)}"
