"""What went wrong is told apart, and what nobody foresaw is not told to strangers."""

import pytest

from utils.serving.refusals import Failed, Overloaded, Refusal, as_refusal, new_request_id


def test_each_cause_has_a_code_of_its_own():
    kinds = Refusal.__subclasses__()
    assert len({kind.code for kind in kinds} | {Refusal.code}) == len(kinds) + 1
    assert all(400 <= kind.status < 600 for kind in kinds)


def test_a_refusal_stays_what_it_is(caplog):
    refusal = Overloaded("full", 2)
    assert as_refusal(refusal, "id") is refusal and caplog.text == ""


@pytest.mark.parametrize("error", [KeyError("/etc/secret"), RecursionError("/etc/secret"), OSError(2, "/etc/secret")])
def test_anything_else_goes_to_the_log_under_the_requests_id(error, caplog):
    refusal = as_refusal(error, "request-7")
    assert isinstance(refusal, Failed) and "secret" not in refusal.message and refusal.retry_after is None
    assert "request-7" in caplog.text and "secret" in caplog.text and type(error).__name__ in caplog.text


def test_no_two_requests_share_an_id():
    assert len({new_request_id() for _ in range(1000)}) == 1000
