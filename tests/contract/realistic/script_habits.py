# A module written as a script: every complaint of both gates comes in one answer.
# expect: rules: import: only these may be imported
# expect: rules: import-time: on the device
# expect: rules: global-state: leave it out
# expect: signature: data-argument: write n_numeric
# expect: signature: hyperparameter: write Annotated[int, low, high]
# expect: signature: docstring: Args:
import logging
from typing import Annotated

import torch
from torch import nn

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(42)


def make_model_and_optimizer(
    num_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    hidden: int = 128,
    learning_rate: Annotated[float, 1e-4, 1e-2, "log"] = 1e-3,
):
    """Builds the model and the optimizer."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(num_numeric, hidden), nn.ReLU(), nn.Linear(hidden, n_outputs))

        def forward(self, x_num, x_cat):
            return self.net(x_num)

    model = Net().to(DEVICE)
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate)
