# expect: accepted
from typing import Annotated, Literal
import torch
from torch import nn

WIDTHS = tuple(2**i for i in range(5, 11))
ACTIVATIONS = dict(relu=nn.ReLU, silu=nn.SiLU)


class Block(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.lin = nn.Linear(width, width)
        self.act = ACTIVATIONS[activation]()

    def forward(self, x):
        return x + self.act(self.lin(x))


class ResNet(nn.Module):
    def __init__(self, n_in, n_out, width, depth, activation):
        super().__init__()
        self.first = nn.Linear(n_in, width)
        self.blocks = nn.Sequential(*[Block(width, activation) for _ in range(depth)])
        self.last = nn.Linear(width, n_out)

    def forward(self, x_num, x_cat):
        return self.last(self.blocks(self.first(torch.cat((x_num, x_cat.float()), 1))))


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    width: Annotated[int, 2**5, 2**10, "log"] = 2**7,
    depth: Annotated[int, 1, 4] = 2,
    activation: Literal["relu", "silu"] = "silu",
    label_smoothing: Literal[0.0, 0.05, 0.1] = 0,
    weight_decay: Annotated[float, 1e-6, 1 / 16, "log"] = 1e-4,
    learning_rate: Annotated[float, 1 * 10**-4, 3 * 10**-2, "log"] = 10**-3,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Residual network.

    **Hyperparameters:**
    - `width`: hidden units of every block
    - `depth` (int): number of residual blocks
    * **activation**: nonlinearity
    - label_smoothing - softens the classes
    - weight_decay: decoupled weight decay
    - `learning_rate` (float, log (base 10)): step size

    Returns:
        model and optimizer
    """
    model = ResNet(n_numeric + len(cardinalities), n_outputs, width, depth, activation)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    return model, optimizer
