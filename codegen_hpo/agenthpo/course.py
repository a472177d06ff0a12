"""How a search goes: what was asked of it, how far it came, and why it ended."""

from dataclasses import asdict, dataclass

from codegen_hpo.agenthpo.markdown import code, inline
from codegen_hpo.objective.settings import SearchSettings
from codegen_hpo.tuner.make import TunerOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a search was told, and its end."""

    settings: SearchSettings  # of the last session
    ended: str = ""  # why; empty as long as it goes on, and if it was killed

    def asked(self) -> list[str]:
        """The tuner, the model and the limits, in Markdown."""
        settings, budget = self.settings, self.settings.budget
        usual = asdict(TunerOptions(reasons=settings.tuning.reasons))
        others = {name: value for name, value in asdict(settings.tuning).items() if value != usual[name]}
        steps = (
            [] if settings.steps is None else [f"at most {settings.steps} replies of the Executor a trial"]
        )
        told = [f"seed {settings.seed}", *steps, *(f"{name} {value}" for name, value in others.items())]
        facts = [f"Tuner: {code(settings.called)}; {', '.join(told)}."]
        if settings.model:
            warmth = "" if settings.temperature is None else f"; temperature {settings.temperature:g}"
            facts.append(f"Model: {code(settings.model)}{warmth}.")
        limits = {
            "trials": budget.trials,
            "s at work": budget.seconds,
            "tokens of the model": budget.tokens,
            "USD for the model": budget.usd,
            "trials without improvement": budget.patience,
        }
        wanted = ", ".join(f"{value:.10g} {unit}" for unit, value in limits.items() if value is not None)
        return [*facts, f"At most {wanted or 'what is left to try'}; {settings.parallel} at a time."]

    def progress(self, trials: int) -> str:
        """One or two sentences: how many trials of those wanted there are, and why there are no more."""
        wanted = self.settings.budget.trials
        of_all = "" if wanted is None else f" of {wanted}"
        told = f"{trials}{of_all} {'trial is' if trials == 1 and not of_all else 'trials are'} done"
        if not self.ended:
            return f"{told}; the search had not ended when this was written."
        early = wanted is not None and trials < wanted
        return f"{told}. The search ended{' early' if early else ''}: {inline(self.ended)}."
