# expect: accepted
"""Gated MLP for mixed tabular data."""
from __future__ import annotations

import math
from typing import Annotated, List, Literal, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

SQRT2 = math.sqrt(2.0)
EPS = float("1e-6")
__all__ = ["make_model_and_optimizer"]


class GatedMLP(nn.Module):
    """Two gated layers."""

    def __init__(self, d_in: int, cards: List[int], d_out: int, width: int, p: float):
        super(GatedMLP, self).__init__()
        self.emb = nn.ModuleList(nn.Embedding(c, min(50, (c + 1) // 2)) for c in cards)
        total = d_in + sum(e.embedding_dim for e in self.emb)
        self.a, self.b = nn.Linear(total, width), nn.Linear(total, width)
        self.head = nn.Linear(width, d_out)
        self.p = p

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        x = torch.cat([x_num, *[e(x_cat[:, i]) for i, e in enumerate(self.emb)]], dim=1)
        h = F.silu(self.a(x)) * self.b(x) / SQRT2
        return self.head(F.dropout(h, self.p, self.training))


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: List[int],
    n_outputs: int,
    numeric_quantiles: Tensor,
    *,
    width: Annotated[int, 32, 1024, "log"] = 256,
    dropout: Annotated[float, 0.0, 0.5, "linear"] = 0.1,
    loss: Literal["mse", "mae", "huber"] = "mse",
    learning_rate: Annotated[float, 1e-5, 1e-2, "log"] = 1e-3,
) -> Tuple[nn.Module, torch.optim.Optimizer]:
    """
    Build a gated MLP and its optimizer.

    Parameters
    ----------
    n_numeric : int
        Number of numeric columns.
    width : int, optional
        Units of both gated layers.
        Larger fits more.
    dropout : float, default 0.1
        Share of hidden units that are dropped.
    loss : {"mse", "mae", "huber"}
        Training loss.
    learning_rate : float
        Step size of AdamW.

    Returns
    -------
    tuple
        The model and the optimizer.
    """
    model = GatedMLP(n_numeric, cardinalities, n_outputs, width, dropout)
    return model, torch.optim.AdamW(model.parameters(), lr=learning_rate)
