"""The target as a network learns it, and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.table.target import TRANSFORMS, TargetCodec, fit_codec


def _meta(codec: TargetCodec) -> dict:
    return json.loads(json.dumps({"kind": codec.kind, "target": codec.to_meta()}, allow_nan=False))


@given(y=st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=30), name=st.sampled_from(TRANSFORMS))
def test_a_transform_is_undone_to_the_values_it_was_fitted_on(y: list[float], name: str) -> None:
    values = np.array(y)
    codec = TargetCodec.from_meta(_meta(fit_codec("regression", values)))
    transform = codec.transforms[name]
    back = codec.decode(transform.apply(values)[:, None], name)
    assert np.allclose(back, values, rtol=1e-6, atol=1e-6 * max(1.0, np.abs(values).max()))


@given(output=st.floats(width=32, allow_nan=False), name=st.sampled_from(TRANSFORMS))
def test_a_wild_output_cannot_overflow(output: float, name: str) -> None:
    codec = fit_codec("regression", np.exp(np.linspace(-20, 20, 50)))
    assert np.isfinite(codec.decode(np.array([[output]], dtype=np.float32), name)).all()


def test_nan_outputs_stay_nan() -> None:
    nan = np.array([[np.nan]], dtype=np.float32)
    assert np.isnan(fit_codec("regression", np.arange(9.0)).decode(nan, "none")).all()
    assert np.isnan(TargetCodec(kind="binary").decode(nan)).all()


def test_standardised_training_targets_have_mean_zero_and_unit_spread() -> None:
    y = np.random.default_rng(0).lognormal(3, 1, 500)
    for transform in fit_codec("regression", y).transforms.values():
        z = transform.apply(y)
        assert abs(z.mean()) < 1e-9
        assert z.std() == pytest.approx(1.0)


def test_the_logarithm_is_the_default_for_a_positive_skewed_target_only() -> None:
    generator = np.random.default_rng(0)
    assert fit_codec("regression", generator.lognormal(3, 1, 500)).default == "log"
    assert fit_codec("regression", generator.normal(50, 5, 500)).default == "none"
    assert fit_codec("regression", generator.lognormal(3, 1, 500) - 5).default == "none"


def test_a_target_with_zeros_takes_a_logarithm_that_knows_zero() -> None:
    codec = fit_codec("regression", np.array([0.0, 1.0, 5.0, -3.0]))
    assert codec.transforms["log"].formula == "signed_log1p"


def test_two_classes_come_from_one_logit() -> None:
    probabilities = TargetCodec(kind="binary").decode(np.array([[0.0], [100.0], [-3.0]], dtype=np.float32))
    assert probabilities[:, 1] == pytest.approx([0.5, 1.0, 1 / (1 + np.exp(3))])
    assert probabilities.sum(axis=1) == pytest.approx([1, 1, 1])


def test_many_classes_come_from_as_many_logits() -> None:
    probabilities = TargetCodec(kind="multiclass").decode(
        np.array([[1.0, 1.0, 1.0], [900, 0, 0]], dtype=np.float32)
    )
    assert probabilities[0] == pytest.approx([1 / 3] * 3)
    assert probabilities[1] == pytest.approx([1, 0, 0])
