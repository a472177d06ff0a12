"""Quick dropout drops what nn.Dropout drops: the same share, with the same mean, and the same gradient."""

import copy

import pytest
import torch
from bundle import Bundle
from construct import Built
from dropout import QuickDropout, quicken
from settings import Settings
from torch import Tensor, nn
from training import Limits, Trainer

from codegen_hpo.testing.bundles import write_sample_bundle

CPU = torch.device("cpu")


def quick(p: float, *, inplace: bool = False) -> nn.Module:
    model = nn.Sequential(nn.Dropout(p, inplace))
    assert quicken(model)
    return model


@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.9])
def test_the_share_and_the_mean_are_those_of_dropout(p: float) -> None:
    torch.manual_seed(0)
    out = quick(p)(torch.ones(1000, 1001))
    share = float((out == 0).float().mean())
    assert share == pytest.approx(p, abs=5 * (p * (1 - p) / 1_001_000) ** 0.5 + 2**-17)
    assert out[out != 0].unique().tolist() == pytest.approx([1 / (1 - p)], rel=1e-4)
    assert float(out.mean()) == pytest.approx(1, abs=0.01)


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(0)
    kept = (quick(0.5)(torch.ones(1 << 20)) != 0).float()
    for distance in range(1, 9):  # four values share a random number
        both = float((kept[:-distance] * kept[distance:]).mean())
        assert both == pytest.approx(0.25, abs=0.003)


def test_gradients_pass_where_values_passed() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 33, requires_grad=True)
    out = quick(0.3)(x)
    out.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, (out / x).detach())


def test_a_seed_gives_the_same_again_and_the_next_call_another() -> None:
    dropout, x = quick(0.5), torch.ones(100)
    torch.manual_seed(3)
    first, second = dropout(x), dropout(x)
    torch.manual_seed(3)
    assert torch.equal(dropout(x), first)
    assert not torch.equal(second, first)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_all_or_nothing(p: float) -> None:
    assert torch.equal(quick(p)(torch.ones(50)), torch.full((50,), 1.0 - p))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_precision_and_layout_are_kept(dtype: torch.dtype) -> None:
    x = torch.ones(8, 6, dtype=dtype).t()
    out = quick(0.5)(x)
    assert out.dtype == dtype
    assert out.shape == (6, 8)
    assert set(out.unique().tolist()) == {0.0, 2.0}


def test_nothing_is_dropped_in_evaluation_and_in_place_stays_in_place() -> None:
    x = torch.ones(1000)
    assert quick(0.5).eval()(x) is x
    out = quick(0.5, inplace=True)(x)
    assert out.data_ptr() == x.data_ptr()
    assert 400 < int((x == 0).sum()) < 600


def test_each_sample_of_a_vmap_has_draws_of_its_own() -> None:
    dropout = quick(0.5)
    out: Tensor = torch.vmap(dropout, randomness="different")(torch.ones(2, 1000))
    assert not torch.equal(out[0], out[1])


def test_only_plain_dropout_changes_its_class_and_a_copy_keeps_it() -> None:
    class Mine(nn.Dropout):
        pass

    model = nn.Sequential(nn.Dropout(0.1), Mine(0.1), nn.AlphaDropout(0.1), nn.Linear(2, 2))
    before = model.state_dict()
    assert quicken(model)
    assert [type(module) for module in model[:3]] == [QuickDropout, Mine, nn.AlphaDropout]
    assert type(copy.deepcopy(model)[0]) is QuickDropout
    assert model.state_dict().keys() == before.keys()
    assert not quicken(nn.Sequential(nn.Linear(2, 2)))


def test_training_says_that_it_is_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    bundle = Bundle(write_sample_bundle(tmp_path_factory.mktemp("bundle")))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))

        def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
            output: Tensor = self.layers(x_num)
            return output

    torch.manual_seed(0)
    model = Network()
    settings = Settings(batch_size=64, max_epochs=2)
    trainer = Trainer(Built(model, torch.optim.Adam(model.parameters()), 0), bundle, settings, CPU, seed=1)
    assert trainer.fit(Limits(60.0, None)).curve[-1].inner_loss < 10
    assert "dropout by 16 random bits a value" in trainer.notes()
