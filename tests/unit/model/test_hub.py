"""Downloads, against servers on loopback that play ModelScope's API and the Hugging Face Hub."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import hugging_face
import huggingface_hub
import pytest

from utils.files import CheckpointError
from utils.model.checkpoint import load_raner, model_digest
from utils.model.hub import HubError, cache_directory, download_model

MODEL = "iic/tiny-raner"
COMMIT = "0" * 40


class Hub(ThreadingHTTPServer):
    """Serves `files` (bytes by name); keeps the `requests` it saw as (path, Range header)."""

    def __init__(self, handler, files):
        super().__init__(("127.0.0.1", 0), handler)
        self.files, self.requests, self.ranges, self.cut = files, [], True, None
        self.sums = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self, body, status=200, promised=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(promised or len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


class ModelScope(Handler):
    """`/repo/files` lists, `/repo?FilePath=` gives, from an offset where `Range` asks for one."""

    def do_GET(self):
        url, hub = urlsplit(self.path), self.server
        hub.requests.append((self.path, self.headers["Range"]))
        if url.path == f"/api/v1/models/{MODEL}/repo/files":
            entries = [{"Path": n, "Type": "blob", "Size": len(b), "Sha256": hub.sums[n]} for n, b in hub.files.items()]
            entries.append({"Path": "resources", "Type": "tree", "Size": 0})
            self.answer(json.dumps({"Code": 200, "Success": True, "Data": {"Files": entries}}).encode())
        elif url.path == f"/api/v1/models/{MODEL}/repo":
            self.give(hub, hub.files[parse_qs(url.query)["FilePath"][0]])
        else:
            self.answer(json.dumps({"Success": False, "Message": "record not found"}).encode())

    def give(self, hub, body):
        start = int(self.headers["Range"][6:-1]) if self.headers["Range"] and hub.ranges else 0
        self.answer(body[start : hub.cut], 206 if start else 200, promised=len(body) - start)


def serve(hub):
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    yield hub
    hub.shutdown()
    hub.server_close()
    thread.join()


@pytest.fixture
def files(tiny_published):
    needed = {path.name: path.read_bytes() for path in tiny_published.iterdir() if path.name != "expected.json"}
    return needed | {"README.md": b"not needed", "resources/picture.png": b"not needed"}


@pytest.fixture
def modelscope(files, tmp_path, monkeypatch):
    hub = Hub(ModelScope, files)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield from serve(hub)


def test_modelscope_id_loads_and_is_cached(modelscope, files):
    model, _ = load_raner(MODEL)
    assert model.config.hidden_size == 32
    directory = cache_directory() / MODEL
    assert sorted(p.name for p in directory.iterdir()) == sorted(
        ["config.json", "configuration.json", "pytorch_model.bin", "tokenizer_config.json", "vocab.txt"]
    )
    assert all((directory / p.name).read_bytes() == files[p.name] for p in directory.iterdir())
    seen = len(modelscope.requests)
    assert download_model(MODEL) == directory
    assert len(modelscope.requests) == seen


def test_the_cache_is_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "raner-course"


def test_safetensors_are_preferred_and_weights_come_last(modelscope):
    modelscope.files["model.safetensors"] = b"tensors"
    modelscope.sums["model.safetensors"] = hashlib.sha256(b"tensors").hexdigest()
    names = sorted(p.name for p in download_model(MODEL).iterdir())
    assert "model.safetensors" in names and "pytorch_model.bin" not in names
    assert "FilePath=model.safetensors" in modelscope.requests[-1][0]


@pytest.mark.parametrize("ranges", [True, False], ids=["continued", "server without Range"])
def test_interrupted_download_goes_on(modelscope, files, ranges):
    modelscope.cut = 2000
    with pytest.raises(HubError, match=r"vocab\.txt broke off"):
        download_model(MODEL)
    directory = cache_directory() / MODEL
    assert not (directory / "vocab.txt").exists() and not (directory / "pytorch_model.bin").exists()
    modelscope.cut, modelscope.ranges, modelscope.requests[:] = None, ranges, []
    download_model(MODEL)
    assert "bytes=2000-" in {header for _, header in modelscope.requests}
    assert all((directory / n).read_bytes() == files[n] for n in ("vocab.txt", "pytorch_model.bin"))


def test_damaged_transfer_is_removed(modelscope):
    modelscope.sums["vocab.txt"] = "0" * 64
    with pytest.raises(HubError, match=r"vocab\.txt arrived damaged"):
        download_model(MODEL)
    assert not list((cache_directory() / MODEL).glob("vocab.txt*"))


def test_case_11_a_tokenizer_json_is_downloaded(modelscope, tmp_path):
    whole = hugging_face.save(tmp_path / "new")
    modelscope.files = {path.name: path.read_bytes() for path in whole.iterdir()}
    modelscope.sums = {name: hashlib.sha256(body).hexdigest() for name, body in modelscope.files.items()}
    model, tokenizer = load_raner(MODEL)
    expected, theirs = load_raner(whole)
    assert tokenizer.encode("陈默iPhone") == theirs.encode("陈默iPhone")
    assert model_digest(model) == model_digest(expected)


def test_repository_without_weights(modelscope):
    del modelscope.files["pytorch_model.bin"]
    with pytest.raises(HubError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        download_model(MODEL)


def test_unknown_model_gives_the_reason_of_the_server(modelscope):
    with pytest.raises(HubError, match="record not found"):
        download_model("iic/absent")


@pytest.mark.parametrize(
    "source", [MODEL, "./iic/tiny-raner", "iic/tiny-raner/", "iic", "/iic/tiny-raner", "iic\\tiny"]
)
def test_case_24_a_mistyped_path_is_no_id(modelscope, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iic" / "tiny_raner").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="no such model directory" if source != "iic" else "config.json"):
        load_raner(source)
    assert modelscope.requests == []


def test_case_24_an_id_that_no_hub_knows_may_be_a_mistyped_path_too(modelscope):
    with pytest.raises(CheckpointError, match="iic/absent: no such directory here, and not downloaded from ModelScope"):
        load_raner("iic/absent")


@pytest.mark.parametrize(
    ("identifier", "variable"), [("iic/absent", "MODELSCOPE_ENDPOINT"), ("owner/absent", "HF_ENDPOINT")]
)
def test_offline_says_what_to_do(identifier, variable, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CheckpointError) as caught:
        load_raner(identifier)
    message = str(caught.value)
    assert "\n" not in message and "HF_HUB_OFFLINE" in message
    assert f"Set {variable} to a mirror" in message and "pass its directory" in message


def test_modelscope_out_of_reach(modelscope, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(HubError, match="Set MODELSCOPE_ENDPOINT"):
        download_model(MODEL)


class HuggingFace(Handler):
    """The four answers that `snapshot_download` asks for."""

    def do_GET(self):
        path, hub = urlsplit(self.path).path, self.server
        hub.requests.append((path, None))
        if path == "/api/models/owner/tiny/revision/main":
            self.answer(json.dumps({"id": "owner/tiny", "sha": COMMIT, "siblings": []}).encode())
        elif path == f"/api/models/owner/tiny/tree/{COMMIT}":
            rows = [{"type": "file", "path": n, "size": len(b), "oid": hub.sums[n]} for n, b in hub.files.items()]
            self.answer(json.dumps(rows).encode())
        elif (name := path.removeprefix(f"/owner/tiny/resolve/{COMMIT}/")) in hub.files:
            self.answer(hub.files[name], ETag=f'"{hub.sums[name]}"', X_Repo_Commit=COMMIT)
        else:
            self.answer(b"{}", 404)

    do_HEAD = do_GET


@pytest.fixture
def hugging_face_hub(files):
    yield from serve(Hub(HuggingFace, files))


def test_hf_endpoint_is_honoured(hugging_face_hub, tmp_path):
    """In a process of its own, since `huggingface_hub` reads its settings once, at import."""
    settings = {"HF_ENDPOINT": hugging_face_hub.url, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0", "no_proxy": "*"}
    command = [sys.executable, "-c", "from utils.model.hub import download_model; print(download_model('owner/tiny'))"]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=True)
    directory = tmp_path / "hub" / "models--owner--tiny" / "snapshots" / COMMIT
    assert done.stdout.strip() == str(directory)
    names = {path.name for path in directory.iterdir()}
    assert {"config.json", "vocab.txt", "pytorch_model.bin"} <= names and "README.md" not in names
    assert load_raner(directory)[0].config.hidden_size == 32
