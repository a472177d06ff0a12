"""Errors in the shapes that servers give them."""

import pytest

from codegen_hpo.llm.refusals import refusal_of, retry_after_s


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_the_wait_that_headers_ask_for(headers, seconds):
    assert retry_after_s(headers) == seconds


def test_a_bare_text_is_the_message():
    assert refusal_of("does not support tools", 400, {}).message == "does not support tools"


def test_a_web_page_is_not_quoted():
    assert refusal_of("<html><body>Bad Gateway" + "x" * 999, 502, {}).message.startswith("an HTML page")


def test_the_number_in_an_error_event_is_its_status():
    assert refusal_of({"message": "m", "code": 429}, 0, {}).status == 429
    assert refusal_of({"message": "m", "code": "boom"}, 0, {}).status == 0


def test_a_validation_error_names_field_and_reason():
    detail = [
        {"loc": ["body", "tools", 0, "function", "strict"], "msg": "Extra inputs", "type": "extra_forbidden"}
    ]
    refusal = refusal_of({"detail": detail}, 422, {})
    assert (refusal.param, refusal.message, refusal.code) == (
        "tools.0.function.strict",
        "Extra inputs",
        "extra_forbidden",
    )
