# expect: rules: import-time: delete the block
from typing import Annotated

import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self, n_in: int, n_out: int, width: int):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_in, width), nn.GELU(), nn.Linear(width, n_out))

    def forward(self, x_num, x_cat):
        return self.net(torch.cat([x_num, x_cat.float()], dim=-1))


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    width: Annotated[int, 16, 512, "log"] = 128,
    lr: Annotated[float, 1e-4, 1e-2, "log"] = 1e-3,
):
    """Small MLP over all columns.

    Args:
        width: hidden units
        lr: learning rate of Adam
    """
    model = Net(n_numeric + len(cardinalities), n_outputs, width)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    return model, optimizer


if __name__ == "__main__":
    import sys

    torch.manual_seed(0)
    model, optimizer = make_model_and_optimizer(5, [3, 4], 1)
    x_num, x_cat = torch.randn(8, 5), torch.zeros(8, 2, dtype=torch.long)
    out = model(x_num, x_cat)
    assert out.shape == (8, 1)
    print("OK", out.shape, file=sys.stderr)
