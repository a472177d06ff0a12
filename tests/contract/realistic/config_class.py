# expect: accepted
"""A factorisation machine with a small network beside it."""
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal, Tuple, Union

import math
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

LOG2 = math.log(2)
SCALES = {name: math.sqrt(2 / fan) for name, fan in (("small", 8), ("large", 64))}
GRID = [i / 10 for i in range(11)]
Number = Union[int, float]
gelu_tanh = partial(F.gelu, approximate="tanh")


@dataclass(frozen=True)
class Config:
    width: int
    k: int = 8
    dims: Tuple[int, ...] = field(default_factory=lambda: (64, 32))


class DeepFM(nn.Module):
    def __init__(self, n_numeric: int, cardinalities: list, n_outputs: int, config: Config):
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(c, config.k) for c in cardinalities])
        self.register_buffer("grid", torch.tensor(np.asarray(GRID, dtype=np.float32)))
        self.weight = nn.Parameter(torch.randn(n_numeric, config.k) / math.sqrt(max(config.k, 1)))
        self.deep = nn.Linear(n_numeric + len(cardinalities) * config.k, config.width)
        self.out = nn.Linear(config.width + config.k, n_outputs)

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        parts = [e(x_cat[:, j]) for j, e in enumerate(self.embeddings)]
        terms = torch.stack([*parts, x_num @ self.weight], dim=1)
        pairs = LOG2 * (terms.sum(1).square() - terms.square().sum(1))
        hidden = gelu_tanh(self.deep(torch.cat([x_num, *parts], dim=1)))
        return self.out(torch.cat([hidden, pairs], dim=1))


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    width: Annotated[int, 2 * 16, 2 * 256, "log"] = 128,
    k: Literal[4, 8, 16] = 8,
    learning_rate: Annotated[float, 1e-5, 1e-1, "log"] = 1e-3,
    ema_decay: Annotated[float, 0.9, 1 - 1e-3] = 0.99,
) -> Tuple[nn.Module, torch.optim.Optimizer]:
    """DeepFM: pairwise products beside a network.

    Keyword Args:
        width (Annotated[int, 32, 512, "log"]): units of the deep part.
        k (Literal[4, 8, 16]): length of the factors.
        learning_rate (float, log-scale): step size of AdamW.
        ema_decay: decay a step of the averaged weights.
    """
    model = DeepFM(n_numeric, cardinalities, n_outputs, Config(width, k))
    return model, torch.optim.AdamW(model.parameters(), lr=learning_rate)
