# expect: rules: process: torch.compile
# expect: rules: process: torch.utils.data
# expect: signature: arguments: kwargs
# expect: signature: return: expected 2
from typing import Annotated

import torch
from torch import nn
from torch.utils.data import DataLoader


class Net(nn.Module):
    def __init__(self, n_in: int, n_out: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_in, width), nn.Mish(), nn.Linear(width, n_out))

    def forward(self, x_num: torch.Tensor, x_cat: torch.Tensor) -> torch.Tensor:
        return self.layers(x_num)


def make_model_and_optimizer(
    n_numeric: int,
    n_outputs: int,
    *,
    width: Annotated[int, 16, 256] = 64,
    learning_rate: Annotated[float, 1e-4, 1e-2, "log"] = 1e-3,
    **kwargs,
):
    """Net with a schedule of its own.

    Args:
        width: units
        learning_rate: step size
    """
    model = torch.compile(Net(n_numeric, n_outputs, width))
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)
    return model, optimizer, scheduler
