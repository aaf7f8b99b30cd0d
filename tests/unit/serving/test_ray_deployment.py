"""The application behind Ray Serve: REST and WebSocket through its proxy, started and stopped."""

import asyncio
import json
import os
import time

import httpx
import pytest
from known_tagger import ROOT, free_port, known_app
from websockets.asyncio.client import connect

ray = pytest.importorskip("ray", reason="ray is not installed; `make test RAY=1` installs and tests it")


@pytest.fixture(scope="module")
def address():
    """Of an application that takes 0.05 s for a sentence and lets eight requests wait."""
    from ray import serve

    from utils.serving.ray_deployment import deployment

    def build():  # a closure travels to the replica as a whole; this module could not be imported there
        return known_app(0.05, threads=1, queue=8, rate=1e6)

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    private = {"env_vars": {"PYTHONPATH": str(ROOT)}}
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR", runtime_env=private)
    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(deployment(build), name="tagger", route_prefix="/")
    yield f"127.0.0.1:{port}"
    serve.shutdown()
    ray.shutdown()


def test_rest_and_socket_through_rays_proxy(address):
    while httpx.get(f"http://{address}/readyz").status_code != 200:
        time.sleep(0.1)
    answer = httpx.post(f"http://{address}/v1/entities", json={"text": ["陈默", "😀去北京"]}).json()
    found = [[(e["start"], e["end"], e["type"]) for e in result["entities"]] for result in answer["results"]]
    assert found == [[(0, 2, "PER")], [(0, 1, "LOC"), (2, 4, "LOC")]]

    async def scene():
        async with connect(f"ws://{address}/ws") as socket:
            for seq, text in enumerate(["北京", "北京。陈默"]):
                await socket.send(json.dumps({"seq": seq, "text": text}))
                answer = json.loads(await socket.recv())
                assert (answer["seq"], len(answer["entities"])) == (seq, seq + 1)

    asyncio.run(scene())


def test_what_is_too_much_is_refused_with_a_time_to_come_back(address):
    async def scene():
        limits = httpx.Limits(max_connections=60)
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=30, limits=limits) as client:
            return await asyncio.gather(*(client.post("/v1/entities", json={"text": f"北京{i}"}) for i in range(60)))

    answers = asyncio.run(scene())
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) >= 8 and statuses.count(503) > 0 and set(statuses) == {200, 503}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
