"""Clients at work while the workers that serve them are killed one after the other."""

import asyncio
import threading

import httpx
from known_tagger import KnownTagger, serving, until

from utils.serving.app import create_app
from utils.serving.load import Load, rest_clients, typists
from utils.serving.settings import Settings

TEXT = "陈默昨日在北京说。国家图书馆明年开放。"


class MortalTagger(KnownTagger):
    """The worker that asks it next after `doom` was set dies, as of a bug that no `except Exception` stops."""

    def __init__(self):
        super().__init__()
        self.doom = threading.Event()

    def predict(self, texts, batch_size=16):
        if self.doom.is_set():
            self.doom.clear()
            raise SystemExit("killed")
        return super().predict(texts, batch_size)


def killed_every_second(seconds: int, typing: int, asking: int) -> tuple[Load, Load, float]:
    """What typists and REST clients saw in so many seconds, with two workers of which one a second is killed.

    Also how many workers died. In the end the service has to be ready, and to answer.
    """
    tagger = MortalTagger()
    app = create_app(lambda: tagger, "mortal", Settings(threads=2, queue=typing + asking, cache=0, rate=1e6))
    with serving(app) as (server, address):
        typed, asked = asyncio.run(_all_at_once(f"http://{address}", tagger, seconds, typing, asking))
        tagger.doom.clear()
        until(lambda: httpx.get(f"http://{address}/readyz").status_code == 200)
        assert httpx.post(f"http://{address}/v1/entities", json={"text": "谁还在？"}).status_code == 200
        return typed, asked, server.service.metrics.registry.get_sample_value("tagger_worker_deaths_total")


async def _all_at_once(address, tagger, seconds, typing, asking):
    killing = asyncio.create_task(_kill(tagger))
    typed, asked = await asyncio.gather(
        typists(address, typing, seconds, TEXT), rest_clients(address, asking, 2 * seconds, TEXT)
    )
    killing.cancel()
    return typed, asked


async def _kill(tagger):
    while True:
        await asyncio.sleep(1)
        tagger.doom.set()
