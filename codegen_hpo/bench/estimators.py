"""The four models of arXiv 2312.04528, appendix B.1, with their spaces, and one fit of one of them."""

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from codegen_hpo.bench.problem import Value
from codegen_hpo.bench.tables import Parts
from codegen_hpo.space import Arguments, Float, Int, Space

MODEL_SEED = 0  # one seed for every fit: a configuration has one value
TREES = 40
EPOCHS = 10  # of the network: HPOBench trains 243; what is compared here are tuners, not networks
SGD_EPOCHS = 200


class Model(NamedTuple):
    """A scikit-learn estimator with what is tuned of it."""

    title: str
    space: Space
    build: Callable[[Arguments], Any]


def evaluate(model: Model, parts: Parts, arguments: Arguments) -> Value:
    """The errors of the model fitted on the training rows: on the validation rows and on the sealed ones."""
    began = time.process_time()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # ten epochs do not converge, a step of 1 overflows: both are data
        try:
            fitted = model.build(arguments).fit(*parts.train)
            error, sealed = (1 - float(fitted.score(*rows)) for rows in (parts.validation, parts.test))
        except (ValueError, FloatingPointError) as failure:
            # scikit-learn's way to say that the weights are no longer finite
            return Value(None, status="nan", error=str(failure)[:300], seconds=time.process_time() - began)
    return Value(error, sealed, seconds=time.process_time() - began)


def _svm(arguments: Arguments) -> Any:
    from sklearn.svm import SVC

    return SVC(**arguments, random_state=MODEL_SEED)


def _logistic(arguments: Arguments) -> Any:
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(
        loss="log_loss",
        learning_rate="adaptive",
        **arguments,
        max_iter=SGD_EPOCHS,
        random_state=MODEL_SEED,
    )


def _forest(arguments: Arguments) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    # a share of 0 stands for one feature, as scikit-learn rounds up
    share = max(float(arguments["max_features"]), np.finfo(float).tiny)
    return RandomForestClassifier(
        **{**arguments, "max_features": share}, n_estimators=TREES, random_state=MODEL_SEED
    )


def _network(arguments: Arguments) -> Any:
    from sklearn.neural_network import MLPClassifier

    rest = {name: value for name, value in arguments.items() if name not in ("depth", "width")}
    layers = (int(arguments["width"]),) * int(arguments["depth"])
    return MLPClassifier(**rest, hidden_layer_sizes=layers, max_iter=EPOCHS, random_state=MODEL_SEED)


MODELS: Mapping[str, Model] = {
    "svm": Model(
        "support vector machine with a radial kernel",
        Space(
            {
                "C": Float(2**-10, 2**10, log=True, default=1.0, description="weight of the errors"),
                "gamma": Float(2**-10, 2**10, log=True, default=0.1, description="width of the kernel"),
            }
        ),
        _svm,
    ),
    "lr": Model(
        "logistic regression trained by stochastic gradient descent",
        Space(
            {
                "alpha": Float(1e-5, 1.0, log=True, default=1e-3, description="strength of the L2 penalty"),
                "eta0": Float(
                    1e-5, 1.0, log=True, default=0.01, description="first step of an adaptive schedule"
                ),
            }
        ),
        _logistic,
    ),
    "rf": Model(
        f"random forest of {TREES} trees",
        Space(
            {
                "max_depth": Int(1, 50, log=True, default=10, description="deepest level of a tree"),
                "max_features": Float(
                    0.0, 1.0, default=0.5, description="share of features tried at a split"
                ),
                "min_samples_leaf": Int(1, 20, default=1, description="fewest rows of a leaf"),
                "min_samples_split": Int(2, 128, log=True, default=32, description="fewest rows to split"),
            }
        ),
        _forest,
    ),
    "nn": Model(
        f"multi-layer perceptron trained by Adam for {EPOCHS} epochs",
        Space(
            {
                "alpha": Float(1e-8, 1.0, log=True, default=1e-3, description="strength of the L2 penalty"),
                "batch_size": Int(4, 256, log=True, default=32, description="rows of a step"),
                "depth": Int(1, 3, default=3, description="hidden layers"),
                "learning_rate_init": Float(1e-5, 1.0, log=True, default=1e-3, description="step size"),
                "width": Int(16, 1024, log=True, default=64, description="units of a hidden layer"),
            }
        ),
        _network,
    ),
}
