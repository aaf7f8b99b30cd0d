"""Real sockets and real processes: addresses, close codes, stopping without losing an answer."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import takewhile

import httpx
import pytest
from known_tagger import ROOT, KnownTagger, free_port, known_app, serving, until
from tiny_models import random_raner, tiny_tokenizer
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_session import load_onnx_tagger
from utils.serving.__main__ import LIMITS, LISTS
from utils.serving.app import create_app
from utils.serving.messages import MESSAGE
from utils.serving.server import TaggerServer, running_server, url_of


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


@pytest.mark.parametrize(
    ("host", "address", "url"),
    [
        ("127.0.0.1", "127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "0.0.0.0", "http://127.0.0.1:8000"),
        ("", "0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "::", "http://[::1]:8000"),
        ("::1", "::1", "http://[::1]:8000"),
        ("localhost", "::1", "http://localhost:8000"),
        ("ner.example.org", "10.0.0.5", "http://ner.example.org:8000"),
        ("fe80::1%eth0", "fe80::1%eth0", "http://[fe80::1%eth0]:8000"),
    ],
)
def test_the_address_that_is_printed_is_one_to_open(host, address, url):
    assert url_of(host, address, 8000) == url


def test_the_address_is_printed_when_the_model_is_loaded(capsys):
    go = threading.Event()

    def load():
        assert go.wait(20)
        return KnownTagger()

    server = TaggerServer(create_app(load, "slow"), "localhost", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        address = f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
        assert httpx.get(f"{address}/readyz").status_code == 503 and capsys.readouterr().out == ""
        go.set()
        until(lambda: httpx.get(f"{address}/readyz").status_code == 200)
        assert capsys.readouterr().out == f"Entities are highlighted at {address}\n"
    finally:
        go.set()
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def test_a_server_that_is_not_ready_in_time_is_ended(monkeypatch):
    monkeypatch.setattr("utils.serving.server.SECONDS_TO_START", 0.05)
    with pytest.raises(RuntimeError, match="not ready after 0.05 seconds"), running_server():
        pass


def test_a_server_that_ends_before_it_is_ready_is_an_error():
    with pytest.raises(RuntimeError, match="ended with code 2"), running_server("--threads", "0"):
        pass


def gunicorn_line(readme: str) -> tuple[dict[str, str], list[str]]:
    """The line that the README prints, as environment and command."""
    (line,) = re.findall(r"^.* -m gunicorn .*$", (ROOT / readme).read_text("utf-8"), re.M)
    words = shlex.split(line)
    settings = list(takewhile(lambda word: re.match(r"[A-Z_]+=", word), words))
    return dict(word.split("=", 1) for word in settings), words[len(settings) :]


def test_both_readmes_print_the_same_line_and_name_all_settings():
    assert gunicorn_line("README.md") == gunicorn_line("README.zh-CN.md")
    options = {f"SERVING_{name.upper()}" for name in ("model", *LIMITS, *LISTS)}
    for readme in ("README.md", "README.zh-CN.md"):
        assert {*re.findall(r"`(SERVING_[A-Z_]+)`", (ROOT / readme).read_text("utf-8"))} == options


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run on Windows")
def test_case_25_gunicorn_serves_under_the_name_as_the_readme_says(model):
    environment, (_, *arguments) = gunicorn_line("README.md")
    name, port = environment["SERVING_ALLOW_HOST"], free_port()
    given = environment | {"SERVING_MODEL": str(model), "GUNICORN_CMD_ARGS": f"-b 127.0.0.1:{port} --log-level error"}

    async def scene():
        async with connect(f"ws://127.0.0.1:{port}/ws", max_size=None) as connection:
            assert (await ask(connection, "天地玄黄"))["entities"]
            await connection.send("x" * (MESSAGE + 1))
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            assert closed.value.rcvd.code == 1009

    with subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=os.environ | given) as process:
        try:
            until(lambda: process.poll() is not None or is_ready(port), seconds=60)
            for host, status in ((name, 200), ("localhost", 200), ("evil.example", 400)):
                page = httpx.get(f"http://127.0.0.1:{port}/", headers={"host": host})
                assert page.status_code == status
            asyncio.run(scene())
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()  # nothing where it has ended
    assert process.returncode == 0


def is_ready(port) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False
