"""What is counted, and when it is enough."""

import pytest

from codegen_hpo.llm.ledger import Caps, Ledger, Price
from codegen_hpo.llm.messages import Reply, Usage


def reply(prompt=100, completion=50, *, estimated=False, attempts=1):
    usage = Usage(prompt, completion, estimated)
    return Reply(text="", call=None, finish="stop", usage=usage, model="m", seconds=1.5, attempts=attempts)


def test_replies_add_up_in_total_and_by_purpose():
    ledger = Ledger(price=Price(input_per_million=2.0, output_per_million=10.0))
    ledger.add("author", reply())
    ledger.add("tune", reply(attempts=3))
    ledger.add("tune", reply(estimated=True))
    assert (ledger.total.requests, ledger.total.attempts, ledger.total.tokens) == (3, 5, 450)
    assert ledger.total.seconds == 4.5
    assert ledger.by_purpose["tune"].requests == 2
    assert ledger.total.estimated == 1
    assert ledger.cost_usd == pytest.approx((300 * 2 + 150 * 10) / 1e6)
    data = ledger.to_json()
    assert data["by_purpose"]["author"]["cost_usd"] == pytest.approx(0.0007)
    assert data["prompt_tokens"] == 300


def test_an_unknown_price_is_not_a_cost_of_nothing():
    ledger = Ledger()
    ledger.add("author", reply())
    assert ledger.cost_usd is None
    assert ledger.to_json()["cost_usd"] is None


def test_the_order_of_the_replies_does_not_matter():
    replies = [("author", reply(1, 2)), ("tune", reply(3, 4, estimated=True)), ("author", reply(5, 6))]
    forwards, backwards = Ledger(), Ledger()
    for purpose, each in replies:
        forwards.add(purpose, each)
    for purpose, each in reversed(replies):
        backwards.add(purpose, each)
    assert forwards.to_json() == backwards.to_json()


@pytest.mark.parametrize(
    ("caps", "words"),
    [
        (Caps(), None),
        (Caps(max_tokens=151), None),
        (Caps(max_tokens=150), "150 of 150 tokens"),
        (Caps(max_cost_usd=0.0008), None),
        (Caps(max_cost_usd=0.0007), "USD are spent"),
    ],
)
def test_a_cap_that_is_reached_is_named(caps, words):
    ledger = Ledger(price=Price(input_per_million=2.0, output_per_million=10.0))
    ledger.add("author", reply())
    reason = ledger.exceeded(caps)
    assert reason is None if words is None else words in reason


def test_estimated_tokens_are_called_so():
    ledger = Ledger()
    ledger.add("author", reply(estimated=True))
    assert ledger.exceeded(Caps(max_tokens=1)).startswith("about 150")


def test_a_cap_on_an_unknown_cost_is_never_silently_passed():
    assert "price is not known" in Ledger().exceeded(Caps(max_cost_usd=1.0))
