import pytest
from failure import ContractError
from settings import Settings, read, used


def test_a_function_that_declares_nothing_is_trained_with_the_defaults() -> None:
    assert read({"width": 3}) == Settings()
    assert read({}, "log").target_transform == "log"


def test_declared_training_arguments_are_used_and_named() -> None:
    arguments = {"batch_size": 7, "loss": "mae", "ema_decay": 0.5, "width": 3}
    settings = read(arguments)
    assert (settings.batch_size, settings.loss, settings.ema_decay) == (7, "mae", 0.5)
    assert used(settings, arguments) == ["batch_size=7", "ema_decay=0.5", "loss=mae"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("batch_size", True),
        ("batch_size", 64.5),
        ("max_epochs", -1),
        ("patience", 0),
        ("lr_schedule", "linear"),
        ("warmup_fraction", 1.0),
        ("gradient_clip", -1.0),
        ("label_smoothing", 1),
        ("ema_decay", "0.9"),
        ("loss", "l1"),
        ("target_transform", None),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: object) -> None:
    with pytest.raises(ContractError, match=name):
        read({name: value})
