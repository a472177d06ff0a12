"""Which trainings a CUDA graph may take over, and, on a GPU, that it changes nothing but the time."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from averaging import Average
from bundle import Bundle
from construct import Built
from graph import make_capturable, optimizer_refusal, step_refusal
from losses import training_loss
from schedule import Schedule
from settings import Settings
from steps import Steps
from torch import Tensor, nn
from training import Limits, Trainer

from codegen_hpo.testing.bundles import write_sample_bundle

Make = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
without_gpu = pytest.mark.skipif(torch.cuda.device_count() == 0, reason="no CUDA device")


class OwnStep(torch.optim.AdamW):
    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


def _hooked(params: list[nn.Parameter]) -> torch.optim.Optimizer:
    optimizer = torch.optim.Adam(params)
    optimizer.register_step_post_hook(lambda *_: None)
    return optimizer


def _parameters() -> list[nn.Parameter]:
    return [nn.Parameter(torch.ones(3))]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (torch.optim.Adam, ""),
        (torch.optim.SGD, ""),
        (torch.optim.RMSprop, ""),
        (OwnStep, "OwnStep has a step of its own"),
        (_hooked, "Adam has hooks on its step"),
        (torch.optim.Adafactor, "Adafactor offers no step that can be recorded"),
    ],
)
def test_an_optimiser_that_cannot_be_recorded_is_known_beforehand(make: Make, says: str) -> None:
    assert optimizer_refusal(make(_parameters()), wants_closure=False) == says


def test_an_optimiser_that_wants_a_closure_is_not_recorded() -> None:
    optimizer = torch.optim.LBFGS(_parameters())
    assert optimizer_refusal(optimizer, wants_closure=True) == "LBFGS evaluates the loss several times"


def test_without_a_fused_step_only_a_capturable_one_is_recorded() -> None:
    assert "SGD" in step_refusal(torch.optim.SGD(_parameters(), foreach=True))
    assert step_refusal(torch.optim.SGD(_parameters(), fused=True)) == ""
    assert step_refusal(torch.optim.RMSprop(_parameters(), capturable=True)) == ""


def _steps(model: nn.Module, optimizer: torch.optim.Optimizer, schedule: str) -> Steps:
    settings = Settings(lr_schedule=schedule)
    return Steps(
        Built(model, optimizer, 0),
        1,
        training_loss("regression", settings),
        settings,
        Schedule(optimizer, settings, steps=4),
        Average(model, 0.0),
        torch.device("cpu"),
    )


@pytest.mark.parametrize(("schedule", "rate"), [("cosine", Tensor), ("constant", float)])
def test_a_rate_that_changes_is_kept_on_the_device(schedule: str, rate: type) -> None:
    model = nn.Linear(4, 1)
    groups = [{"params": model.weight, "lr": 0.25}, {"params": model.bias}]
    optimizer = torch.optim.AdamW(groups, lr=0.5)
    make_capturable(_steps(model, optimizer, schedule))
    assert all(group["capturable"] for group in optimizer.param_groups)
    assert [type(group["lr"]) for group in optimizer.param_groups] == [rate, rate]
    assert [float(group["lr"]) for group in optimizer.param_groups] == [0.25, 0.5]


def test_a_group_may_be_empty() -> None:
    """As that of the embeddings is, on a table without categories."""
    model = nn.Linear(4, 1)
    optimizer = torch.optim.AdamW([{"params": []}, {"params": model.parameters()}], lr=0.5)
    make_capturable(_steps(model, optimizer, "cosine"))
    assert [float(group["lr"]) for group in optimizer.param_groups] == [0.5, 0.5]


class Network(nn.Module):
    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 1))

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        output: Tensor = self.layers(torch.cat([x_num, x_cat.float()], dim=1))
        return output


class Deciding(Network):
    """Goes one of two ways by what is in the batch."""

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        output = super().forward(x_num, x_cat)
        return output if float(x_num.sum()) > 0 else -output


class Counting(Network):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x_num, x_cat) / self.calls


class Waiting(Network):
    """Does what a recording forbids, and what is not noticed before."""

    def __init__(self) -> None:
        super().__init__(dropout=0.3)

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        torch.cuda.synchronize()
        return super().forward(x_num, x_cat)


class Masked(Network):
    """Keeps how much each step's dropout let through."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(1000))
        self.register_buffer("step", torch.zeros(1, dtype=torch.int64))

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        if self.training:
            mask = nn.functional.dropout(torch.ones(1000, device=x_num.device), 0.5)
            self.sums.index_copy_(0, self.step, mask.sum().unsqueeze(0))
            self.step.add_(1)
        return super().forward(x_num, x_cat)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle(write_sample_bundle(tmp_path_factory.mktemp("bundle")))


def train(
    bundle: Bundle, model: nn.Module, make: Make, graphs: bool, **settings: Any
) -> tuple[list[float], str, nn.Module]:
    """Losses of the curve, and what the loop says of its steps."""
    device = torch.device("cuda")
    usual = {"batch_size": 64, "max_epochs": 8, "target_transform": "log"}
    torch.manual_seed(0)
    for p in model.parameters():
        nn.init.normal_(p, std=0.3)
    optimizer = make(list(model.parameters()))
    model.to(device)
    torch.manual_seed(1)
    trainer = Trainer(
        Built(model, optimizer, 0), bundle, Settings(**usual | settings), device, 1, graphs=graphs
    )
    fit = trainer.fit(Limits(1e9, None))
    return [loss for epoch in fit.curve for loss in epoch[:2]], trainer.notes()[-1] if graphs else "", model


def adamw(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=0.01)


RECORDED: dict[str, Make] = {
    "adamw": adamw,
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "rmsprop": lambda parameters: torch.optim.RMSprop(parameters, lr=0.005),
    "nadam": lambda parameters: torch.optim.NAdam(parameters, lr=0.005),
    "two groups": lambda parameters: torch.optim.Adam(
        [{"params": parameters[:2]}, {"params": parameters[2:], "lr": 0.1}], lr=0.01
    ),
}


@pytest.mark.parametrize(
    "settings",
    [{}, {"lr_schedule": "cosine", "ema_decay": 0.9, "gradient_clip": 0.5}, {"precision": "bfloat16"}],
    ids=["plain", "all", "bfloat16"],
)
@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.gpu
@without_gpu
def test_recorded_steps_lead_where_single_ones_do(
    bundle: Bundle, name: str, settings: dict[str, Any]
) -> None:
    expected, _, _ = train(bundle, Network(), RECORDED[name], False, **settings)
    losses, note, _ = train(bundle, Network(), RECORDED[name], True, **settings)
    assert note == "steps from a CUDA graph"
    assert losses == pytest.approx(expected, rel=0.02 if settings.get("precision") else 1e-3)


@pytest.mark.gpu
@without_gpu
def test_each_recorded_step_draws_its_own_numbers(bundle: Bundle) -> None:
    _, note, model = train(bundle, Masked(), adamw, True)
    assert note == "steps from a CUDA graph"
    sums = model.get_buffer("sums")[: int(model.get_buffer("step"))]  # best weights, so perhaps not the last
    assert len(sums) >= 14
    assert len(sums.unique()) > len(sums) / 2


FALL_BACKS: dict[str, tuple[Callable[[], nn.Module], Make, str]] = {
    "control flow": (Deciding, adamw, "a step waits for the device"),
    "counter": (Counting, adamw, "forward changes calls from step to step"),
    "closure": (Network, lambda p: torch.optim.LBFGS(p, lr=0.1), "LBFGS evaluates the loss several times"),
    "own step": (Network, OwnStep, "OwnStep has a step of its own"),
    "foreach": (
        Network,
        lambda p: torch.optim.SGD(p, lr=0.05, foreach=True),
        "SGD can be recorded fused only",
    ),
    "adagrad": (Network, lambda p: torch.optim.Adagrad(p, lr=0.05), "Adagrad can be recorded fused only"),
    "recording": (Waiting, adamw, "recording failed with"),
}


@pytest.mark.parametrize("name", FALL_BACKS)
@pytest.mark.gpu
@without_gpu
def test_what_cannot_be_recorded_trains_as_ever_and_says_why(bundle: Bundle, name: str) -> None:
    model, make, says = FALL_BACKS[name]
    settings = {"lr_schedule": "cosine", "max_epochs": 4}
    expected, _, _ = train(bundle, model(), make, False, **settings)
    losses, note, _ = train(bundle, model(), make, True, **settings)
    assert note.startswith(f"no CUDA graph: {says}")
    assert losses == pytest.approx(expected, rel=1e-3)
