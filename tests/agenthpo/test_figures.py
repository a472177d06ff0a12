import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.agenthpo.figures import NOT_IN_LOG, Figures
from codegen_hpo.records import Call, Outcome, Series, Trial
from codegen_hpo.space import Choice, Float, Int, Space

SPACE = Space(
    {
        "lr": Float(1e-5, 1e-1, log=True, default=1e-3, description="step size; 0.03 is a usual one"),
        "epochs": Int(5, 60, default=20),
        "pool": Choice(("avg", "max", "top16"), default="avg"),
    }
)


def trial(number: int, score: float | None, seconds: float = 12.34, **arguments: object) -> Trial:
    given = SPACE.defaults() | arguments
    outcome = Outcome(
        status="nan" if score is None else "ok",
        seconds=seconds,
        error="the value is nan after 41 steps" if score is None else "",
        trajectory=(Series("val_loss", (0.0, 7.0, 14.0), (2.3026, math.nan, 0.08125)),),
    )
    call = Call(arguments=given, proposed_by="llm")  # type: ignore[arg-type]
    return Trial(
        number=number, call=call, outcome=outcome, score=score, loss=None if score is None else -score
    )


TRIALS = (
    trial(1, 0.9527),
    trial(2, 0.97348, lr=0.0123, epochs=33),
    trial(3, None, lr=0.1),
    trial(4, 0.9, lr=2.5e-4, pool="max"),
)
FIGURES = Figures.of_run(SPACE, TRIALS, told=["1,797 images of 8 by 8 pixels"])


def missing(text: str) -> tuple[str, ...]:
    marked = FIGURES.marked(text)
    assert marked.text.count(NOT_IN_LOG) == len(marked.missing)
    assert marked.text.replace(f" {NOT_IN_LOG}", "") == text
    return marked.missing


@pytest.mark.parametrize(
    "text",
    [
        "the accuracy was 0.97348, 0.9735, 0.973 or 0.97",
        "97.3 %, 97.35%, 97 percent and 97.3 per cent",
        "a rate of 0.0123, 1.23e-2, 1.2E-02, 1.23×10^-2, 1.23 x 10⁻², 1.23 * 10**-2 or .0123",
        "2.5e-4 and 0.00025 and 2.5·10^{-4}",
        "from 1e-5 to 0.1, 1e-5–1e-1, 1e-5-1e-1, [1e-05, 0.1], 10^-5",
        "33 epochs, epochs=33, a 33-epoch run",
        "it took 12.34 s, 12.3s, 12 seconds, 12s",
        "val_loss fell from 2.303 to 0.081 at epoch 14",
        "1,797 images, 1797 images, 8 by 8",
        "diverged after 41 steps, as the usual 0.03 might",
        "trial 2, Trial #4, trials 1 and 3, t002",
        "4 trials, of which 3 have a value and 1 failed: 25 % of 4",
        "0.0208 above the base, +0.021, 2.1 percentage points, or 2.2 % better",  # 0.97348 against 0.9527
        "it lost 0.0735 against the best (-0.0735, −7.5 %)",  # 0.9 against 0.97348
        "90 to 95 %, 90-95%, 90 % and 95 %",
        "the 3rd and the 4th",
        "",
    ],
)
def test_what_is_in_the_log_is_not_marked(text: str) -> None:
    assert missing(text) == ()


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("an accuracy of 0.99", ("0.99",)),
        ("an accuracy of 0.9734, cut and not rounded", ("0.9734",)),
        ("an accuracy of 0.973480, too well known", ()),
        ("an accuracy of 0.973481", ("0.973481",)),
        ("97.4 % and 97.4", ("97.4 %", "97.4")),
        ("97.3 of 100", ("97.3", "100")),  # no percent sign
        ("a rate of 1.3e-2", ("1.3e-2",)),
        ("a rate of 1×10^-6 or 10⁻⁶", ("1×10^-6", "10⁻⁶")),
        ("after 34 epochs", ("34",)),
        ("in 2 of 4 trials and 3 of the runs, the 2nd trial and runs 1, 2 and 4", ()),
        ("7 heads, 14 %, 33 %, 20 percent", ("7", "14 %", "33 %", "20 percent")),  # steps, epochs
        ("epochs 0, 7 and 14, 7 to 14 epochs, the 7th epoch, step=7, Epoch: 14, iteration #7", ()),
        ("epoch 11 and 9 steps", ("11", "9")),
        ("41 out of 48 steps", ("48",)),  # the error tells of 41
        ("41 of 47 heads", ("41", "47")),
        ("trial 5 and t099", ("trial 5", "t099")),
        ("trial 14", ("trial 14",)),  # an epoch, no trial
        ("1,798 images", ("1,798",)),
        ("from 0.61 to 0.68", ("0.61", "0.68")),
        ("from 0.61-0.68", ("0.61", "0.68")),
        ("an R2 of -0.97", ("-0.97",)),
        ("ends at 0.99.", ("0.99",)),
        ("(0.99), [0.98]; lr=0.97", ("0.99", "0.98")),
        ("4k and 3M", ("4", "3")),
        ("in 2024", ("2024",)),
        ("1e99999999999 and 1e-99", ("1e99999999999", "1e-99")),
        ("9" * 5000, ("9" * 5000,)),
    ],
)
def test_what_is_not_in_the_log_is_marked(text: str, unknown: tuple[str, ...]) -> None:
    assert missing(text) == unknown


@pytest.mark.parametrize(
    "text",
    [
        "1. first\n2) second\n - 99. third\n(98) fourth",
        "resnet-18, ResNet50, seresnet101d, top16, val_loss_99, F1, R2, 3D, x99, L2, T400",
        "on 2024-05-01, at 12:30 and 2024-05-01T12:30:00Z",
        "torch 2.13.0, version 2.99, Python 3.11, v2.7, arXiv 2402.01881, arXiv:2402.01881",
    ],
)
def test_what_counts_or_names_something_is_no_number(text: str) -> None:
    assert missing(text) == ()


def test_a_small_whole_number_is_no_rounding_of_a_share() -> None:
    known = Figures([0.97, 1.4], [])
    assert known.marked("1 and 1.0 and 0").missing == ("0",)
    assert Figures([0.97], []).marked("1 and 1.0").missing == ("1",)


def test_zero_is_no_rounding_of_a_small_number() -> None:
    assert Figures([0.0004], []).marked("0, 0.00 and 0.000").missing == ("0", "0.00", "0.000")
    assert Figures([0.0], []).marked("0, 0.00 and 0 %").missing == ()


def test_a_list_without_spaces_may_be_several_numbers() -> None:
    known = Figures([16, 128, 1, 0], [])
    assert known.marked("16,128").missing == ()
    assert known.marked("16,129").missing == ("16,129",)
    assert known.marked("1,000").missing == ("1,000",)


def test_the_mark_follows_the_number() -> None:
    assert FIGURES.marked("It got 0.99, or 99 %.").text == f"It got 0.99 {NOT_IN_LOG}, or 99 % {NOT_IN_LOG}."


def test_numbers_can_be_those_of_texts() -> None:
    known = Figures.of_texts(["trial 4: failed (nan); 3.5 s", 'val_loss 9.7348e-01, {"lr": 0.02}'])
    assert known.marked("trial 4 took 3.5 s at a rate of 2e-2 and reached 97.3 %").missing == ()
    assert known.marked("trial 3 took 4.5 s").missing == ("trial 3", "4.5")


def test_a_percentage_is_no_count_but_may_be_a_share_or_a_number_in_percent() -> None:
    known = Figures.of_texts(["batch 37, 20 % held out, 0.41 in 12 runs"])
    assert known.marked("37, 20 %, 0.2, 41 % and 12 runs").missing == ()
    assert known.marked("37 % and 12 points").missing == ("37 %", "12 points")


def test_what_a_script_printed_is_known_but_makes_no_trial() -> None:
    log = "epoch 23: train_loss 0.3117\ntrial 88 in 3.7 GB"
    said = "train_loss 0.312 at epoch 23, 3.7 GB; trial 88; 23 heads, 0.77"
    assert FIGURES.marked(said, lambda: log).missing == ("trial 88", "23", "0.77")
    assert FIGURES.marked("0.97 in trial 2", lambda: pytest.fail("nothing was unknown")).missing == ()


def test_no_text_of_a_script_makes_a_trial() -> None:
    known = Figures.of_run(SPACE, [trial(1, 0.5)], told=["trial 88 was the best"])
    assert known.marked("trial 88, t088 and 88").missing == ("trial 88", "t088", "88")


def test_the_number_of_a_trial_is_known_only_where_trials_are_spoken_of() -> None:
    known = Figures([], trials=[1, 2, 41, 42])
    told = (
        "trial 41, trials 1, 2 and 41, runs 1-42, the 2nd and the 41st run, 2 of 41 trials, 42 failed trials"
    )
    assert known.marked(told).missing == ()
    assert known.marked("41 heads, 42 %, 2 of 41").missing == ("41", "42 %", "2", "41")
    assert known.marked("trial 41, 42 heads").missing == ("42",)


def test_a_run_without_trials_has_the_numbers_of_its_space() -> None:
    known = Figures.of_run(SPACE, ())
    assert known.marked("1e-5 to 0.1, 5 to 60 epochs, 3 hyperparameters, 0 trials").missing == ()
    assert known.marked("0.97").missing == ("0.97",)


# without decimals it may be a small whole number, and that is no rounding of a share
@given(st.floats(1e-12, 1e12), st.integers(1, 12))
def test_a_rounded_number_is_found_and_a_far_one_is_not(value: float, decimals: int) -> None:
    known = Figures([value], [])
    written = f"{value:.{decimals}e}"
    assert known.marked(written).missing == ()
    assert known.marked(f"{value * 20:.{decimals}e}").missing != ()


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert FIGURES.marked(text).text.replace(f" {NOT_IN_LOG}", "") == text.replace(f" {NOT_IN_LOG}", "")
