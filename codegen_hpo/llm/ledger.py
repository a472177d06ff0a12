"""What the language model cost: counted from replies, so that a resumed run counts the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codegen_hpo.llm.messages import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens."""

    input_per_million: float
    output_per_million: float


def price_of(pair: tuple[float, float] | None) -> Price | None:
    """The price as the user gave it: in and out."""
    return Price(input_per_million=pair[0], output_per_million=pair[1]) if pair else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What may be spent on the model; None is no limit."""

    max_tokens: int | None = None  # prompt and completion together
    max_cost_usd: float | None = None


@dataclass(slots=True, kw_only=True)
class Tally:
    """The sums of some replies."""

    requests: int = 0  # answered ones
    attempts: int = 0  # sent ones: with those that failed and were sent again
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: int = 0  # requests whose tokens the server did not count
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """Of prompts and completions together."""
        return self.prompt_tokens + self.completion_tokens

    def add(self, reply: Reply) -> None:
        """Counts one reply."""
        self.requests += 1
        self.attempts += reply.attempts
        self.prompt_tokens += reply.usage.prompt_tokens
        self.completion_tokens += reply.usage.completion_tokens
        self.estimated += reply.usage.estimated
        self.seconds += reply.seconds

    def to_json(self) -> dict[str, Any]:
        """The sums as they are kept in records."""
        return {
            "requests": self.requests,
            "attempts": self.attempts,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "estimated": self.estimated,
            "seconds": round(self.seconds, 3),
        }


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Requests, tokens, seconds and, where the price is known, cost: in total and by purpose."""

    price: Price | None = None
    total: Tally = field(default_factory=Tally)
    _by_purpose: dict[str, Tally] = field(default_factory=dict)

    def add(self, purpose: str, reply: Reply) -> None:
        """Counts one reply."""
        self.total.add(reply)
        self._by_purpose.setdefault(purpose, Tally()).add(reply)

    @property
    def by_purpose(self) -> Mapping[str, Tally]:
        """A tally for each purpose of a request: "author", "repair", "tune", …"""
        return self._by_purpose

    @property
    def cost_usd(self) -> float | None:
        """The cost so far; None if the price is not known, which is not the same as nothing."""
        return self._cost(self.total)

    def exceeded(self, caps: Caps) -> str | None:
        """Why no further request may be sent, or None. A cost that is not known keeps no cap."""
        if caps.max_tokens is not None and self.total.tokens >= caps.max_tokens:
            about = "about " if self.total.estimated else ""
            return f"{about}{self.total.tokens} of {caps.max_tokens} tokens are spent"
        if caps.max_cost_usd is None:
            return None
        if self.cost_usd is None:
            return f"a cost of {caps.max_cost_usd:.2f} USD cannot be kept to: the model's price is not known"
        if self.cost_usd >= caps.max_cost_usd:
            return f"{self.cost_usd:.4f} of {caps.max_cost_usd:.4f} USD are spent"
        return None

    def to_json(self) -> dict[str, Any]:
        """Totals, and the same by purpose; `cost_usd` is null when it is not known."""
        return {
            **self.total.to_json(),
            "cost_usd": self.cost_usd,
            "by_purpose": {
                purpose: {**tally.to_json(), "cost_usd": self._cost(tally)}
                # a copy: in a search with several calls at once, others may be counted meanwhile
                for purpose, tally in list(self._by_purpose.items())
            },
        }

    def _cost(self, tally: Tally) -> float | None:
        if self.price is None:
            return None
        cost = (
            tally.prompt_tokens * self.price.input_per_million
            + tally.completion_tokens * self.price.output_per_million
        )
        return round(cost / 1e6, 6)
