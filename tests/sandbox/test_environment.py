import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.environment import worker_environment


def test_no_key_of_the_user_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    monkeypatch.setenv("PYTHONSTARTUP", "/tmp/mine.py")
    assert not {"OPENAI_API_KEY", "PYTHONSTARTUP", "HOME"} & set(worker_environment())


@pytest.mark.parametrize(
    ("device", "own", "seen"),
    [
        ("cpu", None, ""),
        ("cpu", "2", ""),
        ("auto", None, "0"),
        ("cuda", None, "0"),
        ("cuda:1", None, "1"),
        ("auto", "2,3", "2"),
        ("cuda:1", "2, 3", "3"),
        ("cuda", "GPU-8c5a,GPU-91ff", "GPU-8c5a"),
        ("auto", "", ""),
        ("auto", "-1", ""),
    ],
)
def test_one_gpu_is_shown_of_those_that_the_user_may_use(
    device: str, own: str | None, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if own is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", own)
    assert worker_environment(device)["CUDA_VISIBLE_DEVICES"] == seen


@pytest.mark.parametrize(("device", "own"), [("cuda", ""), ("cuda:1", "0"), ("cuda:1", "0,-1,1")])
def test_a_gpu_that_is_hidden_is_an_error_when_it_is_named(
    device: str, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", own)
    with pytest.raises(SandboxError, match="CUDA_VISIBLE_DEVICES"):
        worker_environment(device)
