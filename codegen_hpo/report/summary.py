"""What a run came to, whatever it is a run of: its title and a few sentences."""

from codegen_hpo.agenthpo.standing import standing
from codegen_hpo.assistant.record import Record
from codegen_hpo.report.verdict import more_on, verdict
from codegen_hpo.shown import number

_STATES = {
    "running": "is going on",
    "done": "is done",
    "interrupted": "was interrupted",
    "failed": "failed",
    "stopped": "was stopped",
}


def title(record: Record) -> str:
    """What was learnt or tuned."""
    if record.task:
        return f"{record.task.target} in {record.task.name}"
    assert record.aim is not None
    return record.aim.commanded.text if record.aim.commanded else f"{record.aim.metric} of a Python function"


def sentences(record: Record) -> list[str]:
    """The verdict, and what else is to be said of it."""
    history = record.history
    if record.aim:
        said = standing(record.aim, history.trials)
        told = [f"{said[:1].upper()}{said[1:]}."]
    elif history.final and record.task:
        told = [verdict(history, record.task), *more_on(history.final)]
        if history.final.openings > 1:
            told.append(
                f"The test rows were opened {history.final.openings} times in this run: its test scores lean "
                "high."
            )
    elif best := history.best():
        told = [
            f"No final model yet: the run {_STATES[history.state]}. The best trial so far is {best.name}, "
            f"{record.metric.name} {number(best.score)} on validation."
        ]
    else:
        told = [f"No trial has a score: the run {_STATES[history.state]}."]
    if history.ended:
        told.append(f"The search ended: {history.ended}.")
    elif history.state == "failed":
        told.append(f"It failed: {record.folder.of_kind('failed')[-1].data['message']}.")
    return told
