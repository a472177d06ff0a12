"""Piecewise-linear embeddings of the numeric columns, learned ones of the categorical columns, and an MLP.

The embeddings follow Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning"
(arXiv 2203.05556), section 3.2, with bins from the quantiles of the training rows, beside a linear part, as
in the later TabM (arXiv 2410.24210): it goes on beyond the values that training showed.
"""

import itertools
import math
from typing import Annotated, Literal

import torch
from torch import Tensor, nn


class PiecewiseLinearEmbedding(nn.Module):
    """Embeds each numeric column by its value plus where that lies among quantiles of the column.

    A bin counts 0 below it, 1 above it, and grows linearly inside; bins that ties have emptied count 0.
    The part from the bins starts at zero: training begins from the linear embedding.
    """

    def __init__(self, quantiles: Tensor, n_bins: int, dim: int) -> None:
        super().__init__()
        n_columns, n_points = quantiles.shape
        edges = quantiles[:, [round(i * (n_points - 1) / n_bins) for i in range(n_bins + 1)]]
        size = edges[:, 1:] - edges[:, :-1]
        filled = size > 1e-6
        self.register_buffer("left", edges[:, :-1].contiguous())  # (columns, bins)
        self.register_buffer("slope", filled / size.clamp_min(1e-6))
        self.linear = nn.Parameter(torch.empty(n_columns, dim).uniform_(-1.0, 1.0))
        self.bias = nn.Parameter(torch.empty(n_columns, dim).uniform_(-1.0, 1.0))
        self.weight = nn.Parameter(torch.zeros(n_columns, n_bins, dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x.unsqueeze(-1)  # (batch, columns, 1)
        place = ((x - self.left) * self.slope).clamp(0.0, 1.0)  # (batch, columns, bins)
        embedded = x * self.linear + self.bias + torch.einsum("bcn,cnd->bcd", place, self.weight)
        return embedded.flatten(1)  # (batch, columns * dim)


class CategoricalEmbedding(nn.Module):
    """Embeds every categorical column by rows of one table; code 0 (missing or unseen) starts at zero."""

    def __init__(self, cardinalities: list[int], dim: int) -> None:
        super().__init__()
        starts = [0, *itertools.accumulate(cardinalities[:-1])]
        self.register_buffer("starts", torch.tensor(starts))
        self.table = nn.Embedding(sum(cardinalities), dim)
        with torch.no_grad():
            self.table.weight.mul_(1 / math.sqrt(dim))
            self.table.weight[starts] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        return self.table(x + self.starts).flatten(1)  # (batch, columns * dim)


class EmbeddingMLP(nn.Module):
    def __init__(
        self,
        numeric: PiecewiseLinearEmbedding | None,
        categorical: CategoricalEmbedding | None,
        layers: nn.Sequential,
    ) -> None:
        super().__init__()
        self.numeric = numeric
        self.categorical = categorical
        self.layers = layers

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        parts = []
        if self.numeric is not None:
            parts.append(self.numeric(x_num))
        if self.categorical is not None:
            parts.append(self.categorical(x_cat))
        return self.layers(torch.cat(parts, dim=1))  # (batch, n_outputs)


def category_width(cardinalities: list[int], dim: int) -> int:
    """The embedding width: no wider than the largest cardinality needs, narrow when columns are many."""
    enough = round(1.6 * max(cardinalities) ** 0.56)
    return max(1, min(dim, enough, 4096 // len(cardinalities)))


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    numeric_quantiles: Tensor,
    *,
    n_bins: Annotated[int, 8, 64, "log"] = 24,
    numeric_dim: Annotated[int, 4, 24, "log"] = 12,
    category_dim: Annotated[int, 2, 32, "log"] = 8,
    width: Annotated[int, 96, 512, "log"] = 256,
    depth: Annotated[int, 1, 3] = 2,
    dropout: Annotated[float, 0.0, 0.5] = 0.1,
    learning_rate: Annotated[float, 2e-4, 4e-3, "log"] = 1e-3,
    weight_decay: Annotated[float, 1e-4, 0.3, "log"] = 1e-2,
    batch_size: Annotated[int, 128, 1024, "log"] = 256,
    lr_schedule: Literal["constant", "cosine"] = "cosine",
    ema_decay: Annotated[float, 0.95, 0.999] = 0.99,
    label_smoothing: Annotated[float, 0.0, 0.2] = 0.0,
    loss: Literal["mse", "mae", "huber"] = "huber",
    target_transform: Literal["none", "log", "sqrt"] = "none",
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Piecewise-linear embeddings of the numeric columns and an MLP.

    Args:
        n_bins: Bins between quantiles of each numeric column; more follow sharper steps.
        numeric_dim: Width of the embedding of each numeric column.
        category_dim: Largest width of the embedding of each categorical column.
        width: Units of each hidden layer.
        depth: Hidden layers.
        dropout: Share of hidden units dropped in training.
        learning_rate: Step size of AdamW.
        weight_decay: Decoupled weight decay of the hidden layers.
        batch_size: Rows a step.
        lr_schedule: Course of the learning rate over the epochs.
        ema_decay: Decay a step of the averaged weights that are used for prediction.
        label_smoothing: Share of each label that is spread over all classes.
        loss: What is minimised on the standardised target; huber and mae mind outliers less.
        target_transform: Applied to the target before it is standardised; log suits skewed positive targets.
    """
    numeric = categorical = None
    n_inputs = 0
    if n_numeric:
        # bounds the (batch, columns, bins) activations and the first layer of tables with many columns
        bins = max(2, min(n_bins, 16384 // n_numeric))
        dim = max(1, min(numeric_dim, 8192 // n_numeric))
        numeric = PiecewiseLinearEmbedding(numeric_quantiles, bins, dim)
        n_inputs += n_numeric * dim
    if cardinalities:
        dim = category_width(cardinalities, category_dim)
        categorical = CategoricalEmbedding(cardinalities, dim)
        n_inputs += len(cardinalities) * dim

    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(n_inputs if i == 0 else width, width), nn.ReLU(), nn.Dropout(dropout)]
    model = EmbeddingMLP(numeric, categorical, nn.Sequential(*layers, nn.Linear(width, n_outputs)))

    hidden = [p for p in model.layers.parameters() if p.ndim == 2]
    others = [p for name, p in model.named_parameters() if not (name.startswith("layers.") and p.ndim == 2)]
    groups = [{"params": hidden, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return model, torch.optim.AdamW(groups, lr=learning_rate)
