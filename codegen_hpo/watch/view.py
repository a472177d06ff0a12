"""What the page shows, as JSON.

Text of models and of data is in it as it is, shortened: it is the page that takes none of it for markup.
"""

from collections.abc import Mapping
from typing import Any

from codegen_hpo.records import Event, trial_name
from codegen_hpo.shown import number, plain
from codegen_hpo.watch.progress import Progress

_TEXT = 600  # characters of a call, a reason or an error; `show` has all of it
_CURVE = 60  # points of a training curve
_STATES = {"finished": "done", "interrupted": "interrupted", "failed": "failed"}


def standing(progress: Progress, *, written: bool) -> dict[str, Any]:
    """How the run stands.

    Args:
        progress: of its events so far.
        written: whether a process is writing the run now.
    """
    end, elapsed_s = progress.end, progress.elapsed_s
    best = progress.best
    state = _STATES[end.kind] if end else "running" if written else "stopped"
    works = progress.activity.now() if state == "running" else []
    return {
        "state": state,
        "why": _text(end.data.get("reason") or end.data.get("message") or "") if end else "",
        "elapsed_s": elapsed_s if state == "running" else progress.latest_s,
        "works": [
            {
                "verb": work.verb,
                "about": _text(work.about),
                "detail": _text(work.detail),
                "seconds": None if work.verb == "waits" else elapsed_s - work.since_s,
                "usual_s": progress.usual_s if work.is_trial else None,
                "passed": _text(work.passed),
            }
            for work in works
        ],
        "best": best and {"name": trial_name(best["number"]), "score": best["score"]},
        "final": progress.final and _final(progress.final),
        "spent": [spent._asdict() for spent in progress.spent],
        "disqualified": sorted(progress.disqualified),
        "failed": progress.failed,
        "baselines": [{"name": row["name"], "score": row["validation_score"]} for row in progress.baselines],
    }


def _final(result: Mapping[str, Any]) -> dict[str, Any]:
    members = len(result["members"])
    return {
        "name": f"ensemble of {members}" if members > 1 else _text(result["trial"]),
        "validation": result["validation_score"],
        "test": result["test_score"],
    }


def trial_row(data: Mapping[str, Any]) -> dict[str, Any]:
    """A trial, given the data of its event."""
    call, outcome = data["call"], data["outcome"]
    inner = [point[2] for point in outcome["curve"]]
    step = max(1, -(-len(inner) // _CURVE))
    return {
        "number": data["number"],
        "name": trial_name(data["number"]),
        "candidate": _text(data["candidate"]),
        "by": _text(call["proposed_by"]),
        "score": data["score"],
        "loss": data["loss"],
        "status": outcome["status"],
        "seconds": outcome["seconds"],
        "epochs": len(inner),
        "stopped": outcome["stopped"],
        "curve": inner[::step],
        "call": _text(" ".join(f"{name}={number(value)}" for name, value in call["arguments"].items())),
        "reasoning": _text(call["reasoning"]),
        "error": _text(outcome["error"]),
    }


def attempt_row(event: Event) -> dict[str, Any]:
    """An attempt of the author, and what was found in it."""
    findings = [
        f"{finding['gate']}"
        + (f", line {finding['line']}" if finding["line"] else "")
        + f": {finding['message']}"
        for finding in event.data["findings"]
    ]
    return {
        "candidate": _text(event.data["candidate"]),
        "attempt": event.data["attempt"],
        "author": _text(event.data["author"]),
        "findings": [_text(finding) for finding in findings[:5]],
        "more": max(0, len(findings) - 5),
    }


def _text(value: object) -> str:
    """Text without characters that hide or turn it around, and no longer than anybody reads."""
    kept = plain(value)
    return kept if len(kept) <= _TEXT else kept[: _TEXT - 1] + "…"
