# expect: accepted
import typing as t

import torch
from torch import nn

MIN_WIDTH, MAX_WIDTH = 16, 512
DEFAULT_WIDTH: int = 4 * 32
Width = t.Annotated[int, 16, 512, "log"]
LearningRate: t.TypeAlias = t.Annotated[float, 1e-5, 1e-1, "log"]
Probability = t.Annotated[float, 0, 0.6]


class Net(nn.Module):
    def __init__(self, n_in: int, n_out: int, width: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_in, width), nn.ReLU(), nn.Dropout(dropout))
        self.head = nn.Linear(width, n_out)

    def forward(self, x_num, x_cat):
        return self.head(self.body(x_num))


def make_model_and_optimizer(
    n_numeric: int,
    n_outputs: int,
    *,
    width: Width = DEFAULT_WIDTH,
    dropout: Probability = 0.1,
    learning_rate: LearningRate = 1e-3,
):
    """Plain network on numbers.

    :param width: units of the hidden layer,
        more can fit more
    :param float dropout: share of units left out
    :param learning_rate: step size
    :returns: model and optimizer
    """
    model = Net(n_numeric, n_outputs, width, dropout)
    return model, torch.optim.AdamW(model.parameters(), lr=learning_rate)
