"""How long would that model take? Looked up: one layer was measured with many and with few heads and neurons.

Time is not work: a layer without heads still normalises, and an engine has overheads of its own. So a
search must not count multiplications. It must not measure every model it thinks of either. Between the
two stands a table: ms of a layer's two halves, by the share of heads or neurons that is left, in each engine.

(Kurtic et al. 2023, "ZipLM", section 3.2: structures go under a table of measured times.)
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from transformers import BertConfig

from utils.measure.latency import THREADS, Rounds, measure_taggers, pinned_threads
from utils.model.pruned_shape import PruningMap
from utils.model.raner import RanerModel
from utils.tagger.tagger import Tagger


class LatencyTable(NamedTuple):
    """ms of one text in one engine, by the `shares` of heads and of neurons that a layer has left.

    `attention[i]` is a layer with `shares[i]` of its heads and no neurons, `feed_forward[i]` what
    `shares[i]` of the neurons add to it, `rest` all that is no layer. `heads` and `neurons` are those of
    an unpruned layer.
    """

    shares: tuple[float, ...]
    attention: np.ndarray
    feed_forward: np.ndarray
    rest: float
    heads: int
    neurons: int

    def milliseconds(self, kept: PruningMap) -> float:
        """Time of a whole model, its layers as uneven as they are."""
        heads = np.array([len(layer) for layer in kept.heads]) / self.heads
        neurons = np.array([len(layer) for layer in kept.neurons]) / self.neurons
        return self.rest + float(self._of_layers(heads, neurons).sum())

    def scaled_to(self, milliseconds: float, layers: int) -> "LatencyTable":
        """The table in which an unpruned model of so many layers takes `milliseconds`.

        Parts that are timed apart find caches and threads in another state than inside of a model.
        """
        factor = milliseconds / float(self.of_shares(np.ones(()), np.ones(()), layers))
        scaled = {name: getattr(self, name) * factor for name in ("attention", "feed_forward", "rest")}
        return self._replace(**scaled)

    def of_shares(self, heads: np.ndarray, neurons: np.ndarray, layers: int) -> np.ndarray:
        """Times of models with these shares (0 to 1, arrays of one shape) left in each of their `layers`."""
        return self.rest + layers * self._of_layers(heads, neurons)

    def _of_layers(self, heads: np.ndarray, neurons: np.ndarray) -> np.ndarray:
        return np.interp(heads, self.shares, self.attention) + np.interp(neurons, self.shares, self.feed_forward)


def measure_tables(
    config: BertConfig,
    build: Callable[[RanerModel, str], Mapping[str, Tagger]],
    unpruned: Mapping[str, Tagger],
    text: str,
    shares: Sequence[float],
    rounds: Rounds,
) -> dict[str, LatencyTable]:
    """Engine -> its table, every engine and every shape taking turns on `text`.

    Two layers of a shape are timed in models without anything else but embeddings and classifier. What
    is no layer comes from the emptiest shape: twice the time of one such layer, less the time of two.
    The two halves of a layer run one after the other: heads are measured without neurons, neurons
    without heads, and their times are added. Last, each table is scaled to the time of the whole unpruned
    model, which takes turns with the parts.

    Args:
        config: of an unpruned model at the scale that counts.
        build: a model, and a name for what it may have to write -> engine -> tagger.
        unpruned: engine -> that model there.
        shares: of the heads, or of the neurons, left in the measured layers; ascending, from 0 to 1. Between them
            time is taken for linear.
    """
    probes = {f"heads {share:.2f}": probe(config, 2, share, 0) for share in shares}
    probes |= {f"neurons {share:.2f}": probe(config, 2, 0, share) for share in shares[1:]}
    built = {name: build(model, name) for name, model in (probes | {"one": probe(config, 1, 0, 0)}).items()}
    taggers = {(name, e): tagger for name, found in (built | {"all": unpruned}).items() for e, tagger in found.items()}
    with pinned_threads(THREADS):
        times = {key: latency.p50 for key, latency in measure_taggers(taggers, [text], rounds).items()}
    parts = {e: _sum_of_parts(config, shares, times["one", e], [times[name, e] for name in probes]) for e in unpruned}
    return {e: part.scaled_to(times["all", e], config.num_hidden_layers) for e, part in parts.items()}


def _sum_of_parts(config: BertConfig, shares: Sequence[float], of_one: float, of_two: Sequence[float]) -> LatencyTable:
    """One engine's table from ms of one empty layer, and of two layers with each share of heads, then of neurons."""
    of_two = np.array(of_two)
    heads, neurons = of_two[: len(shares)], np.append(of_two[0], of_two[len(shares) :])
    rest = 2 * of_one - of_two[0]
    sizes = config.num_attention_heads, config.intermediate_size
    return LatencyTable(tuple(shares), (heads - rest) / 2, (neurons - of_two[0]) / 2, float(rest), *sizes)


def probe(config: BertConfig, layers: int, heads: float, neurons: float) -> RanerModel:
    """A random model with equal layers that have these shares of their heads and neurons: its time is all it is for."""
    config = copy.deepcopy(config)
    config.num_hidden_layers = layers
    config.kept_heads = [list(range(round(heads * config.num_attention_heads)))] * layers
    config.kept_neurons = [list(range(round(neurons * config.intermediate_size)))] * layers
    return RanerModel(config).eval()
