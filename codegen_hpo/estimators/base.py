"""What the two estimators share: a run is their `fit`."""

import shutil
import tempfile
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from codegen_hpo.author.base import Author
from codegen_hpo.author.cookbook import is_recipe
from codegen_hpo.engine.parts import MakeTuner
from codegen_hpo.engine.settings import Budget
from codegen_hpo.estimators.columns import read_features, value_errors
from codegen_hpo.fitting import fit
from codegen_hpo.loaded_model import LoadedModel
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.table.split import FEWEST
from codegen_hpo.task import Kind, Task
from codegen_hpo.trained_model import Floats, TrainedModel


class CodegenEstimator(BaseEstimator):  # type: ignore[misc]
    """A function is written, checked, run in a sandbox and tuned when this is fitted.

    A frame's columns may hold numbers, texts, categories, booleans and dates, with missing values. An array's
    columns are called x0, x1, …

    As in every run, a fifth of the rows given to `fit` is kept from the search, to score the final model. Of
    fewer than 20 rows, and of a class with a single row, copies are made, and the scores are None: they
    would tell nothing.

    A fitted estimator holds its model as data. It is pickled and unpickled without running generated code,
    which is run by `predict` in a sandbox, in a process that ends with the estimator.

    Args:
        model: the language model; by default CODEGEN_HPO_MODEL's. Without an endpoint the cookbook writes.
        base_url: of the model's endpoint.
        cookbook: offers the package's own functions, whatever endpoint is configured.
        author: writes in place of the language model or the cookbook.
        tuner: a tuner's name, or what makes a tuner for a candidate.
        n_trials: the most trials of the run.
        time_s: the most seconds of the run.
        trial_s: the most seconds of training of one trial.
        usd: the most that the model may cost; needs `price`.
        price: USD per million prompt and completion tokens.
        candidates: how many functions to write.
        metric: what is tuned for; "auto" is rmse, roc_auc of two classes, log_loss of more.
        categorical, datetime, text: names of columns to take as such, whatever they look like.
        about: what the table is about, in a sentence or two, for the model.
        private: shows no value of the table to the model.
        folds, reseed, ensemble, prune, parallel, threads, device: as of `codegen_hpo.fit`.
        sandbox: "auto", "docker", "bubblewrap", "landlock", "none", or a sandbox of your own.
        unsafe: lets "none" run code that a model wrote.
        runs: the folder to keep the run in; by default it is removed once the model is there, and left in the
            system's folder for temporary files, where the error names it, if there is none.
        random_state: of the split, the training and the tuner.

    Attributes:
        model_: the final model, `codegen_hpo.loaded_model.LoadedModel`.
        source_: the best trial's function.
        arguments_: what it is called with.
        validation_score_: of the final model, by the metric; None where rows were copied.
        test_score_: of the final model, on the rows kept from the search; None there, too.
        run_path_: the run's folder, None where it is removed.
        n_features_in_: columns of the rows given to `fit`.
        feature_names_in_: their names, where these are texts.
    """

    def __init__(
        self,
        *,
        model: str | None = None,
        base_url: str | None = None,
        cookbook: bool = False,
        author: Author | None = None,
        tuner: str | MakeTuner | None = None,
        n_trials: int | None = 20,
        time_s: float | None = None,
        trial_s: float | None = None,
        usd: float | None = None,
        price: tuple[float, float] | None = None,
        candidates: int | None = None,
        metric: str = "auto",
        categorical: tuple[str, ...] = (),
        datetime: tuple[str, ...] = (),
        text: tuple[str, ...] = (),
        about: str = "",
        private: bool = False,
        folds: int | None = None,
        reseed: int = 3,
        ensemble: int = 8,
        prune: str = "off",
        parallel: int | None = None,
        threads: int | None = None,
        device: str = "auto",
        sandbox: str | Sandbox = "auto",
        unsafe: bool = False,
        runs: str | Path | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.model = model
        self.base_url = base_url
        self.cookbook = cookbook
        self.author = author
        self.tuner = tuner
        self.n_trials = n_trials
        self.time_s = time_s
        self.trial_s = trial_s
        self.usd = usd
        self.price = price
        self.candidates = candidates
        self.metric = metric
        self.categorical = categorical
        self.datetime = datetime
        self.text = text
        self.about = about
        self.private = private
        self.folds = folds
        self.reseed = reseed
        self.ensemble = ensemble
        self.prune = prune
        self.parallel = parallel
        self.threads = threads
        self.device = device
        self.sandbox = sandbox
        self.unsafe = unsafe
        self.runs = runs
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _fit_run(self, frame: pd.DataFrame, y: "pd.Series[Any]", kind: Kind) -> Self:
        """The estimator with the final model of a run. Raises ValueError for data that cannot be learnt."""
        seed = int(check_random_state(self.random_state).randint(2**31))
        self._columns = list(frame.columns)
        with value_errors():
            task = self._task(frame, y, kind, seed)
        copied = len(task.frame) > len(frame)
        if self.runs is not None:
            self._learn_from(self._run(task, seed, Path(self.runs)), kept=True, copied=copied)
        else:
            place = Path(tempfile.mkdtemp(prefix="codegen-hpo-"))
            try:
                self._learn_from(self._run(task, seed, place), kept=False, copied=copied)
            except BaseException:
                with suppress(OSError):
                    place.rmdir()  # if nothing is in it: a run that has begun stays where its error names it
                raise
            shutil.rmtree(place, ignore_errors=True)
        return self

    def _task(self, frame: pd.DataFrame, y: "pd.Series[Any]", kind: Kind, seed: int) -> Task:
        rows = _enough_rows(y, kind)
        if len(rows) > len(y):
            warnings.warn(
                f"copies are made of {len(y)} rows, or of a class with a single one: scores tell nothing",
                stacklevel=4,
            )
        frame = frame.copy(deep=False)
        frame[str(y.name)] = y.to_numpy()
        return Task.from_table(
            frame.iloc[rows],
            str(y.name),
            kind=kind,
            metric=self.metric,
            categorical=self.categorical,
            datetime=self.datetime,
            text=self.text,
            about=self.about,
            seed=seed,
        )

    def _run(self, task: Task, seed: int, runs: Path) -> Run:
        return fit(
            task,
            model=self.model,
            base_url=self.base_url,
            cookbook=self.cookbook,
            author=self.author,
            tuner=self.tuner,
            budget=Budget(trials=self.n_trials, seconds=self.time_s, usd=self.usd),
            trial_s=self.trial_s,
            price=self.price,
            candidates=self.candidates,
            private=self.private,
            folds=self.folds,
            reseed=self.reseed,
            ensemble=self.ensemble,
            prune=self.prune,
            parallel=self.parallel,
            threads=self.threads,
            device=self.device,
            sandbox=self.sandbox,
            unsafe=self.unsafe,
            seed=seed,
            runs=runs,
        )

    def _learn_from(self, run: Run, *, kept: bool, copied: bool) -> None:
        history, best = run.history, run.best
        trained = TrainedModel.of(run.folder, run.model())
        self.model_ = LoadedModel(trained, self._sandbox_finder(trained))
        self.source_ = best.source
        self.arguments_ = best.arguments
        final = history.final
        self.validation_score_ = None if copied else final.validation_score if final else best.score
        self.test_score_ = final.test_score if final and not copied else None
        self.run_path_ = str(run.path) if kept else None

    def _sandbox_finder(self, trained: TrainedModel) -> Any:
        """What opens the sandbox of predictions, now or after the estimator was unpickled."""
        if not isinstance(self.sandbox, str):
            return partial(_given, self.sandbox)
        trusted = (self.author is not None and self.author.trusted) or all(
            is_recipe(network.source) for network in trained.networks
        )
        return partial(choose_sandbox, self.sandbox, trusted=trusted, unsafe=self.unsafe)

    def _predictions(self, X: ArrayLike | pd.DataFrame) -> Floats:  # noqa: N803
        """The model's predictions. Raises NotFittedError, and ValueError for rows of another shape."""
        check_is_fitted(self)
        return self.model_.predict(read_features(self, X, self._columns))


def _given(sandbox: Sandbox) -> Sandbox:
    return sandbox


def _enough_rows(y: "pd.Series[Any]", kind: Kind) -> NDArray[np.int64]:
    """Row numbers: all, those of a class with a single row twice, and all again up to what a run needs."""
    rows = np.arange(len(y))
    if kind != "regression":
        rows = np.concatenate([rows, np.flatnonzero(y.map(y.value_counts()) == 1)])
    return np.tile(rows, -(-FEWEST // len(rows)) if len(rows) < FEWEST else 1)
