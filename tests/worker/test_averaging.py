import torch
from averaging import Average, Best
from torch import nn


def test_the_average_follows_the_weights_and_leaves_them_alone() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = Average(model, 0.99)
    nn.init.ones_(model.weight)
    for _ in range(100):
        average.advance()
        average.update()
    with average.applied():
        averaged = float(model.weight.detach())
    assert 0.99 < averaged <= 1  # the bound on early decays forgets the start
    assert float(model.weight.detach()) == 1


def test_a_weight_on_the_device_makes_the_same_average() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    averages = [Average(model, 0.99), Average(model, 0.99, torch.device("cpu"))]
    means = []
    for _ in range(200):
        nn.init.normal_(model.weight)
        for average in averages:
            average.advance()
            average.update()
    for average in averages:
        with average.applied():
            means.append([p.detach().clone() for p in model.parameters()])
    torch.testing.assert_close(means[0], means[1])


def test_no_decay_means_no_average() -> None:
    model = nn.Linear(2, 2)
    average = Average(model, 0.0)
    before = model.weight.detach().clone()
    average.advance()
    average.update()
    with average.applied():
        assert torch.equal(model.weight, before)


def test_the_best_state_comes_back_with_its_buffers() -> None:
    model = nn.BatchNorm1d(3)
    best = Best(model)
    best.keep()
    model(torch.randn(10, 3) + 5)
    nn.init.zeros_(model.weight)
    best.restore()
    assert torch.equal(model.weight, torch.ones(3))
    assert torch.equal(model.running_mean, torch.zeros(3))
