"""Which faults are worth another attempt, and what the user is told."""

import pytest

from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.faults import Refusal, WireError, explain, plain

ENDPOINT = Endpoint(base_url="http://me:pw@host/v1", model="m", api_key="sk-1234")


def refused(status, code="", message="m"):
    return WireError("status", message, Refusal(status, code, "", message))


@pytest.mark.parametrize(
    ("fault", "transient"),
    [
        *[(refused(status), True) for status in (0, 408, 409, 429, 500, 502, 503, 529)],
        *[(refused(status), False) for status in (400, 401, 402, 403, 404, 413, 422)],
        (refused(429, "insufficient_quota"), False),
        (refused(0, "insufficient_quota"), False),
        (WireError("connection", "no route"), True),
        (WireError("connection", "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), False),
        (WireError("body", "HTML"), True),
        (WireError("cut", "cut"), True),
        (WireError("deadline", "late"), False),
    ],
)
def test_only_passing_faults_are_worth_another_attempt(fault, transient):
    assert fault.transient is transient


def test_a_message_is_one_short_line_without_key_and_control_characters():
    text = plain("bad\x1b[31m key\n sk-1234 " + "x" * 999, ENDPOINT)
    assert text.startswith("bad [31m key [key] xxx")
    assert len(text) == 300


def test_an_error_says_where_what_how_often_and_why_no_more():
    error = explain(WireError("connection", "no route"), ENDPOINT, attempts=3, note="too late")
    assert str(error) == "http://host/v1: no route after 3 attempts (too late)"


def test_a_certificate_of_ones_own_has_its_hint():
    fault = WireError("connection", "CERTIFICATE_VERIFY_FAILED")
    assert "SSL_CERT_FILE" in explain(fault, ENDPOINT, attempts=1).hint


@pytest.mark.parametrize("status", [0, 400, 401, 402, 403, 404, 409, 429, 500, 503])
def test_every_refusal_has_a_hint(status):
    assert explain(refused(status), ENDPOINT, attempts=1).hint
