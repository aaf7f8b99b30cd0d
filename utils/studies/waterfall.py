"""Where did the time go? Versions of one model, each with one change more than the one before, timed in turns.

What all changes give together is the product of what each gives, in this order: another order shares the same
product out otherwise, so a factor belongs to its place in the chain as much as to its change.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.measure.latency import THREADS, Latency, Rounds, measure_taggers, pinned_threads
from utils.measure.memory import MB, directory_bytes
from utils.measure.verdict import Estimate, times_as_fast
from utils.model.pruned_shape import Numbers, pruning_map
from utils.model.raner import RanerModel
from utils.tagger.tagger import Tagger


class Step(NamedTuple):
    """A version that is timed: what distinguishes it from the one before it, its directory, and how that is loaded."""

    change: str
    path: Path
    load: Callable[[Path], Tagger]


class Factor(NamedTuple):
    """One step from the original to the result: what changed, ms and MB after it, how many times as fast it made."""

    name: str
    milliseconds: float
    megabytes: float
    times: Estimate


def timed(versions: Sequence[Step], text: str, rounds: Rounds) -> dict[Step, Latency]:
    """Times of versions, text to entities, taking turns in one session: several chains may be read off them.

    Versions that load the same directory in the same way, under whatever name, are one, and have its time.
    """
    with pinned_threads(THREADS):
        taggers = {(path, load): load(path) for path, load in dict.fromkeys(version[1:] for version in versions)}
        times = measure_taggers(taggers, [text], rounds)
    return {version: times[version[1:]] for version in versions}


def chain(starts: Sequence[Step], steps: Sequence[Step], times: Mapping[Step, Latency]) -> list[Factor]:
    """What each step gives; the first factor's ratio is 1.

    Args:
        starts: ways in which the original may read; they come slowest first, so that whatever follows is counted
            from the fastest.
        steps: in order, each with one change more.
        times: of one `timed`, of all these and perhaps of others.

    Raises:
        ValueError: there is no start.
    """
    if not starts:
        raise ValueError("no start: a waterfall begins with a version of the original")
    versions = [*sorted(starts, key=lambda start: -times[start].p50), *steps]
    return factors(
        [version.change for version in versions],
        [times[version] for version in versions],
        [directory_bytes(version.path) / MB for version in versions],
    )


def factors(names: Sequence[str], times: Sequence[Latency], megabytes: Sequence[float]) -> list[Factor]:
    """Neighbours compared: the name, the time and the size of each version, and its time beside that of the one before.

    Args:
        times: of one `measure_latency`.
    """
    before = [times[0], *times[:-1]]
    ratios = [times_as_fast(*pair) for pair in zip(before, times, strict=True)]
    return [Factor(n, t.p50, mb, ratio) for n, t, mb, ratio in zip(names, times, megabytes, ratios, strict=True)]


def cuts(original: RanerModel, result: RanerModel) -> dict[str, RanerModel]:
    """The original without the heads that the result lacks, then also without the neurons; cuts of nothing left out."""
    config, kept = original.config, pruning_map(result.config)
    heads, neurons = _gone(kept.heads, config.num_attention_heads), _gone(kept.neurons, config.intermediate_size)
    fewer_heads = prune_heads(original, heads)
    found = {"heads": fewer_heads} if any(heads.values()) else {}
    return found | ({"neurons": prune_neurons(fewer_heads, neurons)} if any(neurons.values()) else {})


def _gone(kept: Sequence[Sequence[int]], width: int) -> Numbers:
    return {layer: sorted(set(range(width)) - set(numbers)) for layer, numbers in enumerate(kept)}
