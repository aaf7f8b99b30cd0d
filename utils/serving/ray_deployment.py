"""More than one machine: the same application as a Ray Serve deployment (`requirements-ray.txt`).

    serve run utils.serving.ray_deployment:application model=path replicas=2

Ray places the replicas and routes requests to them. Each replica is the whole application with its own
queue, rounds and cache, so batching stays where it is fair and knows who has left. In front of them Ray
keeps at most `QUEUE` requests waiting and answers 503 to the rest. An open WebSocket is one ongoing
request of its replica, as long as it lasts. The model's path must exist on every machine.
"""

from collections.abc import Callable, Mapping

from fastapi import FastAPI
from ray import serve

from utils.serving import server
from utils.serving.settings import Settings

QUEUE = 64


def application(arguments: Mapping[str, str]) -> serve.Application:
    """What `serve run` builds; `arguments` are `model` and `replicas`, both optional."""
    source = arguments.get("model", "")
    return deployment(lambda: server.application(source), int(arguments.get("replicas", 1)))


def deployment(build: Callable[[], FastAPI], replicas: int = 1) -> serve.Application:
    """`replicas` of the application that `build` makes; it is called once in every replica."""
    ongoing = Settings().sockets + Settings().queue
    settings = {"num_replicas": replicas, "max_ongoing_requests": ongoing, "max_queued_requests": QUEUE}
    return serve.deployment(serve.ingress(build)(), name="Tagger", **settings).bind()
