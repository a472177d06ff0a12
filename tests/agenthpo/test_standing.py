"""Where a search stands, in one sentence."""

from codegen_hpo.agenthpo.standing import no_effect, standing
from codegen_hpo.objective.settings import Aim
from codegen_hpo.records import Call, Outcome, Trial
from codegen_hpo.space import Float, Space

AIM = Aim(space=Space({"lr": Float(0.0, 1.0, default=0.5)}))


def trial(number: int, lr: float, loss: float | None) -> Trial:
    call = Call(arguments={"lr": lr}, proposed_by="random")
    outcome = Outcome(status="nan" if loss is None else "ok")
    return Trial(number=number, call=call, outcome=outcome, score=loss, loss=loss)


def test_values_without_any_effect_are_told_instead_of_a_best_trial() -> None:
    trials = [trial(n, n / 10, 0.25) for n in range(1, 4)]
    said = standing(AIM, [*trials, trial(4, 0.4, None)])
    assert said == no_effect(trials)
    assert said.startswith("all 3 trials with a value have exactly the same, 0.25, although")
    assert "the values seem to have no effect" in said


def test_a_few_or_equal_trials_and_different_results_are_no_sign_of_it() -> None:
    trials = [trial(n, n / 10, 0.25) for n in range(1, 4)]
    assert no_effect(trials[:2]) == ""
    assert no_effect([trial(n, 0.5, 0.25) for n in range(1, 6)]) == ""
    assert no_effect([*trials, trial(4, 0.4, 0.26)]) == ""
    assert no_effect([]) == ""
