"""Starts a run from Python. The command line's `fit` is a thin layer over this file."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from codegen_hpo.author.base import Author
from codegen_hpo.author.cookbook import RECIPES
from codegen_hpo.engine.budget_check import checked_budget
from codegen_hpo.engine.parts import MakeTuner, asker
from codegen_hpo.engine.places import Asked, places
from codegen_hpo.engine.pruning import check_prune
from codegen_hpo.engine.reserve import kept_trials
from codegen_hpo.engine.session import Session
from codegen_hpo.engine.settings import Budget, Settings, trials_to_explore
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.records import Sink
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sinks.open import Following, check_sinks, opened_sinks
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.task import Task
from codegen_hpo.tuner.make import TunerOptions, check_trials
from codegen_hpo.tuner.names import check_tuner, needs_model


def fit(
    task: Task,
    *,
    model: str | None = None,
    base_url: str | None = None,
    temperature: float | None = None,
    cookbook: bool = False,
    author: Author | None = None,
    tuner: str | MakeTuner | None = None,
    tuning: TunerOptions | None = None,
    sandbox: str | Sandbox = "auto",
    unsafe: bool = False,
    budget: Budget | None = None,
    candidates: int | None = None,
    repairs: int = 5,
    private: bool = False,
    reply_s: float = 300.0,
    reply_tokens: int | None = None,
    device: str = "auto",
    parallel: int | None = None,
    threads: int | None = None,
    memory_bytes: int = 4 << 30,
    workers: str | None = None,
    trial_s: float | None = None,
    folds: int | None = None,
    reseed: int = 3,
    ensemble: int = 8,
    prune: str = "off",
    price: tuple[float, float] | None = None,
    seed: int = 0,
    runs: Path | str = "runs",
    sinks: Sequence[Sink | str] = (),
    environ: Mapping[str, str] | None = None,
) -> Run:
    """The finished run of a task: a function written, checked, executed and tuned.

    Without an endpoint (`model`, `base_url`, or OPENAI_API_KEY and OPENAI_BASE_URL in the environment) the
    cookbook writes and TPE tunes.

    Args:
        author: writes in place of the language model or the cookbook.
        tuner: one of `codegen_hpo.tuner.names.TUNERS`, or what makes a tuner for a candidate.
        tuning: how the tuner works.
        sandbox: "auto", "docker", "bubblewrap", "landlock", "none", or a sandbox of your own.
        unsafe: let "none" run code that a model wrote.
        candidates: how many different functions to write; 1 by default, 2 with the cookbook.
        reply_s: seconds for one reply of the model, all attempts included.
        reply_tokens: the longest reply, for servers whose own default is short.
        parallel: trials at once, each in a worker of its own: by default one a GPU, or else as many as this
            machine has cores and memory for, up to 4. What is proposed depends on it, because a tuner does
            not know the results of the trials under way; 1 lets it know them all.
        threads: CPU threads of a trial; up to 4, shared among those at once.
        memory_bytes: of a trial.
        workers: where trials run: by default in this process's own sandboxes; "4" starts a Ray cluster of so
            many workers on this machine; "ray://HOST:PORT" is a cluster, of which `parallel` is by default
            as much as all of its machines have places for. See `docs/many_machines.md`.
        trial_s: training time of one trial, seconds; by default 300, and at most a third of the budget's, so
            that no single call eats the run.
        folds: how often each call is trained, each time without one part of the rows, on which it is scored;
            the models of all folds, averaged, are the trial's. 1 is one training and a validation part, the
            default from 3,000 rows on and along time; 5 below. `parallel` is then how many folds of a trial
            train at once.
        reseed: how many of the best calls are trained once more on a fresh seed before the winner is named.
            They count as trials; of ten or more trials, at most a fifth is kept for them. 0 is none.
        ensemble: most members of the final model; 1 makes it the best trial alone.
        prune: "median" or "quarter" stops a training that falls behind that share of the earlier ones of its
            candidate; "off" lets each run to its end.
        price: USD per million prompt and completion tokens.
        runs: the folder of all runs.
        sinks: follow the run: objects, or trackers by name, "csv:FILE", "tensorboard:DIR", "mlflow:URI".

    Raises:
        ConfigError: a choice that cannot be.
        EndpointError, SandboxError, NoCandidateError, NoModelError: what ended the run; all is kept in it.
    """
    check_prune(prune)
    check_sinks(sinks)
    budget = checked_budget(budget or Budget(), price)
    for name, value, least in (("reseed", reseed, 0), ("ensemble", ensemble, 1)):
        if value < least:
            raise ConfigError(f"{name} is {value}", hint=f"it is a number from {least}")
    endpoint = None
    own = cookbook or author is not None  # the function is not written by the model
    if not own or (isinstance(tuner, str) and needs_model(tuner)):
        endpoint = Endpoint.resolve(
            base_url=base_url,
            model=model,
            temperature=temperature,
            max_tokens=reply_tokens,
            environ=os.environ if environ is None else environ,
            otherwise="--cookbook does without a model",
        )
    by_model = endpoint is not None and not own
    count = candidates or (1 if by_model or author else 2)
    task = task.in_folds(folds)
    count_folds = len(task.split.trainings)
    asked = Asked(device, memory_bytes, parallel, threads, count_folds)
    with places(workers, asked) as at:
        shares = at.shares
        settings = Settings(
            author=author.name if author else f"llm:{endpoint.model}" if endpoint and not own else "cookbook",
            tuner=tuner if isinstance(tuner, str) else "custom" if tuner else "llm" if by_model else "tpe",
            tuning=tuning or TunerOptions(),
            candidates=count,
            explore=trials_to_explore(count, budget.trials),
            repairs=repairs,
            seed=seed,
            sandbox=sandbox if isinstance(sandbox, str) else sandbox.name,
            unsafe=unsafe,
            device=device,
            parallel=shares.parallel if count_folds == 1 else 1,
            folds=count_folds,
            folds_at_once=1 if count_folds == 1 else shares.parallel,
            threads=shares.threads,
            memory_bytes=memory_bytes,
            trial_s=budget.usual_trial_s if trial_s is None else trial_s,
            reseed=reseed,
            ensemble=ensemble,
            prune=prune,
            private=private,
            endpoint=endpoint.url if endpoint else "",
            model=endpoint.model if endpoint else "",
            temperature=temperature,
            price=price,
            reply_s=reply_s,
            reply_tokens=reply_tokens,
            budget=budget,
        )
        if settings.author == "cookbook" and settings.candidates > len(RECIPES):
            raise ConfigError(
                f"{settings.candidates} candidates are asked for, the cookbook holds {len(RECIPES)}",
                hint="ask for fewer, or configure a model that writes more",
            )
        if isinstance(tuner, str):
            check_tuner(tuner, with_model=endpoint is not None)
            # each candidate is tried at its defaults, and all but the best keep what they were explored with
            given = 1 + (count - 1) * (settings.explore or 0)
            searched = None if budget.trials is None else budget.trials - kept_trials(budget.trials, reseed)
            check_trials(tuner, settings.tuning, searched, given)
        trusted = author.trusted if author else not by_model
        place = at.sandbox(sandbox, settings, trusted)
        run = Run(RunFolder.create(Path(runs), task.target, datetime.now()))
        with opened_sinks(sinks, Following(run.folder.name, task.metric.name)) as opened:
            Session(
                folder=run.folder,
                task=task,
                settings=settings,
                sandbox=place,
                make_ask=asker(endpoint, settings.reply_s),
                author=author,
                make_tuner=None if tuner is None or isinstance(tuner, str) else tuner,
                sinks=opened,
            ).run()
    return run
