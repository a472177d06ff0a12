"""A language model as author: it writes the function, and mends it from what the gates found."""

from codegen_hpo.author.base import Brief, Draft
from codegen_hpo.author.card import task_card
from codegen_hpo.author.extract import draft_from_reply
from codegen_hpo.llm.messages import Ask, Message, Request
from codegen_hpo.llm.prompts import render


class LLMAuthor:
    """Asks a language model for the function, in one fenced block.

    Each request stands alone: the task, the contract, the latest attempt and its findings. The history of
    earlier attempts is not sent, so that the transcript stays small however often a draft is mended.

    Args:
        ask: reaches the model.
        model: its name, for the record.
        private: sends no name and no value of the table.
    """

    trusted = False

    def __init__(self, ask: Ask, model: str, *, private: bool = False) -> None:
        self.name = f"llm:{model}"
        self._ask, self._private = ask, private

    def write(self, brief: Brief) -> Draft:
        """A new function, or the previous one mended; findings if the reply holds none."""
        mending = brief.previous is not None
        values = {
            "task_card": task_card(brief.task, private=self._private),
            "hardware": brief.hardware,
            "budget": brief.budget,
            "number": brief.number,
            "existing": _existing(brief),
            "findings": brief.frame,
        }
        text = render("repair" if mending else "author", previous=brief.previous, **values)
        messages = (Message("system", render("role")), Message("user", text))
        reply = self._ask(Request(purpose="repair" if mending else "author", messages=messages))
        return draft_from_reply(reply)


def _existing(brief: Brief) -> list[dict[str, object]]:
    """Title and score of each candidate that exists, for the prompt."""
    scores = (*brief.scores, *[None] * len(brief.existing))
    return [
        {"title": candidate.title, "score": score}
        for candidate, score in zip(brief.existing, scores, strict=False)
    ]
