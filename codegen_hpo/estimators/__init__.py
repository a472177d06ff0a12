"""scikit-learn estimators: a whole run behind `fit`, its final model behind `predict`."""

from codegen_hpo.estimators.classifier import CodegenClassifier
from codegen_hpo.estimators.regressor import CodegenRegressor

__all__ = ["CodegenClassifier", "CodegenRegressor"]
