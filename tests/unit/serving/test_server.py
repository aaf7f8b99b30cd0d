"""Real sockets and real processes: addresses, close codes, stopping without losing an answer."""

import asyncio
import json
import signal
import subprocess
import sys
import time

import httpx
import pytest
from known_tagger import ROOT, free_port, known_app, serving
from tiny_models import random_raner, tiny_tokenizer
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_session import load_onnx_tagger
from utils.serving.messages import MESSAGE
from utils.serving.server import running_server


async def ask(connection, text, seq=1):
    await connection.send(json.dumps({"seq": seq, "text": text}))
    return json.loads(await connection.recv())


def test_a_message_too_long_closes_with_1009_and_nobody_else_notices():
    async def scene(address):
        async with connect(f"ws://{address}/ws") as loud, connect(f"ws://{address}/ws") as quiet:
            await loud.send("x" * (MESSAGE + 1))
            with pytest.raises(ConnectionClosed) as closed:
                await loud.recv()
            assert closed.value.rcvd.code == 1009
            assert (await ask(quiet, "北京"))["type"] == "entities"

    with serving(known_app()) as (_, address):
        asyncio.run(scene(address))


def test_what_was_accepted_is_answered_before_the_server_stops():
    """Two typists and a REST client wait; the server is told to stop; all three get their answers."""

    async def scene(server, address):
        client, url = httpx.AsyncClient(base_url=f"http://{address}"), f"ws://{address}/ws"
        async with client, connect(url) as first, connect(url) as second:
            await first.send(json.dumps({"seq": 1, "text": "北京一。北京二。"}))
            await second.send(json.dumps({"seq": 5, "text": "北京三。"}))
            rest = asyncio.create_task(client.post("/v1/entities", json={"text": "北京四。"}))
            while server.service.metrics.registry.get_sample_value("tagger_queue_jobs") < 3:
                await asyncio.sleep(0.01)
            server.should_exit = True
            answers = [json.loads(await connection.recv()) for connection in (first, second)]
            assert [(a["seq"], len(a.get("entities", []))) for a in answers] == [(1, 2), (5, 1)]
            assert (await rest).status_code == 200
            for connection in (first, second):
                with pytest.raises(ConnectionClosed) as closed:
                    await connection.recv()
                assert closed.value.rcvd.code == 1012

    with serving(known_app(0.3, threads=1)) as (server, address):
        asyncio.run(scene(server, address))


def test_a_client_that_hangs_up_is_not_computed_any_further():
    async def until_jobs(value, count):
        while value("tagger_queue_jobs") != count:
            await asyncio.sleep(0.02)

    async def scene(server, address):
        value = server.service.metrics.registry.get_sample_value
        async with httpx.AsyncClient(base_url=f"http://{address}") as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post("/v1/entities", json={"text": "".join(f"{i}。" for i in range(60))}, timeout=0.5)
        await until_jobs(value, 0)
        async with connect(f"ws://{address}/ws") as gone:
            await gone.send(json.dumps({"seq": 1, "text": "".join(f"x{i}。" for i in range(60))}))
            await until_jobs(value, 1)
        await until_jobs(value, 0)
        for way in ("rest", "websocket"):
            assert value("tagger_requests_total", {"way": way, "outcome": "cancelled"}) == 1
        assert value("tagger_round_sentences_sum") < 60

    with serving(known_app(0.05, threads=1)) as (server, address):
        asyncio.run(scene(server, address))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return export_onnx(random_raner(), tiny_tokenizer(), tmp_path_factory.mktemp("model"))


def test_the_command_serves_what_the_tagger_says(model):
    """Served = offline, exactly; the process has no torch in it and stops on SIGTERM."""
    text = "天地玄黄，宇宙洪荒。" * 30
    with running_server("--model", str(model)) as address:
        assert address.startswith("http://127.0.0.1:")
        (result,) = httpx.post(f"{address}/v1/entities", json={"text": text}).json()["results"]
    sentence = load_onnx_tagger(model, 1).predict(["天地玄黄，宇宙洪荒。"])[0]
    expected = [
        {"start": e.start + at, "end": e.end + at, "type": e.type, "text": e.text, "confidence": e.confidence}
        for at in range(0, 300, 10)
        for e in sentence
    ]
    assert result["entities"] == expected and expected and (result["sentences"], result["computed"]) == (30, 1)
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_server_without_torch():
    code = "import sys, utils.serving.__main__; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_model_that_is_not_there_ends_the_server_in_words(tmp_path):
    command = [sys.executable, "-m", "utils.serving", "--port", "0", "--model", str(tmp_path / "nothing")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "nothing" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run on Windows")
def test_gunicorn_serves_the_same_application():
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "-k", "uvicorn_worker.UvicornWorker", "-w", "1"),
        *("-b", f"127.0.0.1:{port}", "--log-level", "error", "tests.helpers.known_tagger:known_app()"),
    ]

    async def scene():
        async with connect(f"ws://127.0.0.1:{port}/ws", max_size=None) as connection:
            assert (await ask(connection, "北京"))["entities"][0]["type"] == "LOC"
            await connection.send("x" * (MESSAGE + 1))
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            assert closed.value.rcvd.code == 1009

    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            ready = httpx.Client(transport=httpx.HTTPTransport(retries=0))
            while not is_ready(ready, port):
                assert process.poll() is None
                time.sleep(0.1)
            asyncio.run(scene())
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def is_ready(client, port) -> bool:
    try:
        return client.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False
