# expect: signature: hyperparameter: gradient_clip
# expect: signature: hyperparameter: None is no value here
# expect: signature: hyperparameter: write the annotation itself here
# expect: signature: hyperparameter: Args:
from typing import Annotated, Literal, Optional

import torch
from torch import nn


def make_model_and_optimizer(
    n_numeric: int,
    n_outputs: int,
    *,
    gradient_clip: Optional[float] = None,
    norm: Literal["layer", None] = None,
    momentum: Momentum = 0.9,
    width: Annotated[int, 16, 512, "log", "units of the hidden layer"] = 64,
    use_bias: bool = True,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Linear model with momentum.

    Args:
        gradient_clip: largest norm of a gradient
        norm: normalisation, if any
        momentum: of SGD
        width: units
        use_bias: adds a bias
    """
    body = nn.Sequential(nn.Linear(n_numeric, width), nn.ReLU(), nn.Linear(width, n_outputs, bias=use_bias))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = body

        def forward(self, x_num, x_cat):
            return self.body(x_num)

    model = Net()
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)


Momentum = Annotated[float, 0.5, 0.99]
