"""No request that the OpenAPI description allows, or forbids, makes the service fail or break its word."""

import pytest
import schemathesis
from hypothesis import given, settings
from known_tagger import known_app, serving
from schemathesis import GenerationMode

REFUSED = {"negative_data_rejection": {"expected-statuses": [400, 413, 415, 422]}}
"""A text that is too long for the schema may also make a body that is too large: 413."""


@pytest.fixture(scope="module")
def description():
    config = schemathesis.Config.from_dict({"checks": REFUSED})
    with serving(known_app(rate=1e6)) as (_, address):
        yield schemathesis.openapi.from_url(f"http://{address}/openapi.json", config=config)


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        ("POST", "/v1/entities", GenerationMode.POSITIVE),
        ("POST", "/v1/entities", GenerationMode.NEGATIVE),
        ("GET", "/healthz", GenerationMode.POSITIVE),
        ("GET", "/readyz", GenerationMode.POSITIVE),
    ],
)
def test_every_answer_is_one_that_the_description_promises(description, method, path, mode):
    """All of schemathesis' checks: no 5xx, documented statuses, bodies and media types, nonsense refused."""
    statuses = set()

    @given(case=description[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=60, deadline=None)
    def ask(case):
        statuses.add(case.call_and_validate().status_code)

    ask()
    assert statuses and all(status < 500 for status in statuses)


def test_the_description_names_what_can_be_asked(description):
    assert set(description.raw_schema["paths"]) == {"/v1/entities", "/healthz", "/readyz"}
    statuses = set(description.raw_schema["paths"]["/v1/entities"]["post"]["responses"])
    assert statuses == {"200", "400", "403", "413", "415", "422", "429", "500", "503"}
