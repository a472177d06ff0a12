"""Sinks by name: what is none is refused before anything is spent."""

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.sinks.open import Following, check_sinks, opened_sinks


@pytest.mark.parametrize("text", ["", "csv", "csv:", "wandb:x", "mlflow", "http://user:secret@host"])
def test_what_is_no_sink_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no sink") as caught:
        check_sinks([text])
    assert "csv:FILE" in caught.value.hint
    assert "secret" not in str(caught.value)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codegen_hpo.sinks.open.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="mlflow") as caught:
        check_sinks(["mlflow:sqlite:///m.db"])
    assert "codegen-hpo[mlflow]" in caught.value.hint


def test_an_object_is_a_sink_as_it_is() -> None:
    sink = object()
    with opened_sinks([sink], Following("r", "rmse")) as opened:  # type: ignore[list-item]
        assert opened == [sink]
