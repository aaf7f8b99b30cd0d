"""Numbers of a running service, in the text format of Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
SIZES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """One registry a service, so that two services in one process do not mix."""

    def __init__(self, queued: Callable[[], int], sockets: Callable[[], int], workers: Callable[[], int]):
        self.registry = CollectorRegistry()
        self.requests = self._counter("tagger_requests", "Requests by way and outcome", ["way", "outcome"])
        self.sentences = self._counter("tagger_sentences", "Sentences answered, by source", ["source"])
        self.deaths = Counter("tagger_worker_deaths", "Workers that died and were replaced", registry=self.registry)
        self.seconds = self._histogram("tagger_seconds", "From request to answer, of what was answered", SECONDS)
        self.round = self._histogram("tagger_round_sentences", "Sentences a worker takes at once", SIZES)
        Gauge("tagger_sockets", "Open WebSockets", registry=self.registry).set_function(sockets)
        Gauge("tagger_queue_jobs", "Requests that wait", registry=self.registry).set_function(queued)
        Gauge("tagger_workers", "Workers that are alive", registry=self.registry).set_function(workers)
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, words: str, labels: list[str]) -> Counter:
        return Counter(name, words, labels, registry=self.registry)

    def _histogram(self, name: str, words: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, words, buckets=buckets, registry=self.registry)

    def page(self) -> bytes:
        return generate_latest(self.registry)
