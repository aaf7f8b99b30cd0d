"""The command line and the environment: what is meant is done, what cannot be meant is refused at the start."""

import os
import sys

import pytest
from fastapi.testclient import TestClient

from utils.serving.__main__ import BOOT_FAILED, application, command_line, configured, main
from utils.serving.server import TaggerServer
from utils.serving.settings import Settings


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("SERVING_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings_of(tiny_published):
    """The settings of an application that is configured, not started."""

    def configure(*words):
        return configured(["--model", str(tiny_published), *words])[1].state.service.settings

    return configure


def test_help_says_how_the_environment_stands_for_options():
    said = " ".join(command_line().format_help().split())
    assert "gunicorn passes no arguments on" in said and "`SERVING_RATE=20`" in said
    assert "serve a tagger on this machine" not in said


def test_without_options_the_defaults_hold(settings_of):
    assert settings_of() == Settings(hosts=(*Settings().hosts, "127.0.0.1"))


def test_case_25_the_environment_says_what_options_say(settings_of, monkeypatch):
    options = {
        "threads": 3, "sentence_threads": 2, "queue": 5, "deadline": 2.5, "cache": 0, "sockets": 7,
        "sockets_per_client": 6, "rate": 0.5,
    }  # fmt: skip
    by_words = settings_of(
        *(word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))),
        *("--allow-host", "ner.example.org", "--allow-host", "10.0.0.5", "--allow-origin", "https://hub.example"),
    )
    for name, value in options.items():
        monkeypatch.setenv(f"SERVING_{name.upper()}", str(value))
    monkeypatch.setenv("SERVING_ALLOW_HOST", "ner.example.org, 10.0.0.5")
    monkeypatch.setenv("SERVING_ALLOW_ORIGIN", "https://hub.example")
    assert settings_of() == by_words
    assert all(getattr(by_words, name) == value for name, value in options.items())
    assert by_words.hosts[-2:] == ("ner.example.org", "10.0.0.5") and by_words.origins == ("https://hub.example",)
    assert settings_of("--rate", "9").rate == 9


def test_case_25_what_gunicorn_starts_answers_under_the_name(tiny_published, monkeypatch):
    monkeypatch.setenv("SERVING_MODEL", str(tiny_published))
    monkeypatch.setenv("SERVING_ALLOW_HOST", "ner.example.org")
    client = TestClient(application())
    assert client.get("/healthz", headers={"host": "ner.example.org"}).status_code == 200
    refusal = client.get("/healthz", headers={"host": "other.example.org"}).json()
    assert refusal["code"] == "wrong_host" and "SERVING_ALLOW_HOST" in refusal["message"]


def test_an_address_of_ipv6_is_a_host_as_browsers_write_it(settings_of):
    assert settings_of("--host", "2001:db8::1").hosts[-1] == "[2001:db8::1]"


WRONG = [
    ("threads", "0"), ("sentence_threads", "0"), ("queue", "-1"), ("deadline", "0"), ("cache", "-1"),
    ("sockets", "0"), ("rate", "0"), ("sockets_per_client", "0"), ("rate", "nan"), ("threads", "two"), ("allow_host", "https://ner.example.org"),
    ("allow_origin", "ner.example.org"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [*WRONG, ("port", "65536"), ("port", "-1")])
def test_case_27_what_cannot_be_meant_is_refused_at_the_start(name, value, capsys):
    with pytest.raises(SystemExit) as refused:
        main([f"--{name.replace('_', '-')}={value}"])
    last = capsys.readouterr().err.splitlines()[-1]
    assert refused.value.code == 2 and name.split("_")[-1] in last.replace("-", "_") and "Traceback" not in last


@pytest.mark.parametrize(
    ("name", "value"), [*((f"SERVING_{name.upper()}", value) for name, value in WRONG), ("SERVING_HOSTS", "ner.org")]
)
def test_case_27_gunicorn_does_not_start_again_and_again_what_is_configured_wrongly(name, value, monkeypatch, capsys):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as refused:
        application()
    assert refused.value.code == BOOT_FAILED and "Traceback" not in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run on Windows")
def test_gunicorn_gives_up_at_the_exit_status_of_a_wrong_setting():
    from gunicorn.arbiter import Arbiter

    assert BOOT_FAILED == Arbiter.WORKER_BOOT_ERROR


def test_a_misspelt_name_is_told_the_right_ones(monkeypatch, capsys):
    monkeypatch.setenv("SERVING_HOSTS", "ner.example.org")
    with pytest.raises(SystemExit):
        main([])
    assert "SERVING_HOSTS" in (said := capsys.readouterr().err) and "SERVING_ALLOW_HOST" in said


def test_an_empty_variable_is_none(settings_of, monkeypatch):
    monkeypatch.setenv("SERVING_RATE", "")
    monkeypatch.setenv("SERVING_ALLOW_HOST", "")
    assert settings_of() == Settings(hosts=(*Settings().hosts, "127.0.0.1"))


def test_control_c_is_no_error(tiny_published, monkeypatch):
    def run(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(TaggerServer, "run", run)
    assert main(["--model", str(tiny_published)]) == 0


def test_a_model_that_is_not_there_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit) as refused:
        main(["--model", str(tmp_path / "absent.onnx")])
    assert refused.value.code == 1 and "absent.onnx" in capsys.readouterr().err
