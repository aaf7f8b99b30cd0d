"""Headers that keep the page to itself, on whatever goes out."""

import pytest
from asking import ask, started
from known_tagger import known_app

from utils.serving.security import FIXED, content_security_policy


@pytest.fixture(scope="module")
def client():
    with started(known_app()) as client:
        yield client


@pytest.mark.parametrize("host", ["evil; script-src *", "a b", 'x"y', "", "例.example"])
def test_a_host_header_cannot_widen_the_policy(host):
    policy = content_security_policy(host)
    assert policy.count(";") == content_security_policy("localhost").count(";")
    assert host not in policy or not host.isascii() or host == ""


def test_every_response_has_them(client):
    texts = client.get("/"), client.get("/nowhere"), client.post("/"), ask(client, 3), ask(client, "北京")
    foreign = client.get("/", headers={"host": "evil.example"})
    assert [answer.status_code for answer in (*texts, foreign)] == [200, 404, 405, 422, 200, 400]
    for answer in (*texts, foreign):
        assert answer.headers.items() >= FIXED.items() and "content-security-policy" in answer.headers
