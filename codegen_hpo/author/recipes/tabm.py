"""Several MLPs in one: members share their weight matrices and differ by rank-one factors and biases.

Follows TabM (Gorishniy et al., arXiv 2410.24210, section 3) with the BatchEnsemble adapters of Wen et al.
(arXiv 2002.06715) and piecewise-linear embeddings of the numeric columns (arXiv 2203.05556).
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


class MemberLinear(nn.Module):
    """One weight matrix for k members, each with its own input factors, output factors and bias."""

    def __init__(self, n_in: int, n_out: int, k: int, *, random_signs: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out, bias=False)
        factors = torch.ones(k, n_in)
        if random_signs:  # the members must differ somewhere, or they would learn the same
            factors = torch.randint(0, 2, (k, n_in)) * 2.0 - 1.0
        self.factors_in = nn.Parameter(factors)
        self.factors_out = nn.Parameter(torch.ones(k, n_out))
        bound = 1 / math.sqrt(n_in)
        self.bias = nn.Parameter(torch.empty(k, n_out).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        # x: (batch, 1, n_in) or (batch, k, n_in)
        return self.linear(x * self.factors_in) * self.factors_out + self.bias  # (batch, k, n_out)


class MemberHeads(nn.Module):
    """A separate output layer for each of k members."""

    def __init__(self, n_in: int, n_outputs: int, k: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_in)
        self.weight = nn.Parameter(torch.empty(k, n_in, n_outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(k, n_outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bki,kio->bko", x, self.weight) + self.bias  # (batch, k, n_outputs)


class ParallelMLP(nn.Module):
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
        return self.layers(torch.cat(parts, dim=1).unsqueeze(1))  # (batch, k, n_outputs)


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
    k: Annotated[int, 4, 16, "log"] = 8,
    n_bins: Annotated[int, 8, 64, "log"] = 24,
    numeric_dim: Annotated[int, 2, 16, "log"] = 6,
    category_dim: Annotated[int, 2, 32, "log"] = 8,
    width: Annotated[int, 64, 320, "log"] = 160,
    depth: Annotated[int, 1, 3] = 2,
    dropout: Annotated[float, 0.0, 0.5] = 0.0,
    learning_rate: Annotated[float, 4e-4, 5e-3, "log"] = 2e-3,
    weight_decay: Annotated[float, 1e-4, 0.3, "log"] = 1e-2,
    batch_size: Annotated[int, 128, 1024, "log"] = 256,
    lr_schedule: Literal["constant", "cosine"] = "constant",
    ema_decay: Annotated[float, 0.95, 0.999] = 0.99,
    label_smoothing: Annotated[float, 0.0, 0.2] = 0.0,
    loss: Literal["mse", "mae", "huber"] = "huber",
    target_transform: Literal["none", "log", "sqrt"] = "none",
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Parallel ensemble of MLPs with shared weights, over piecewise-linear embeddings.

    Args:
        k: Members, trained side by side and averaged in prediction; the cost grows with it.
        n_bins: Bins between quantiles of each numeric column; more follow sharper steps.
        numeric_dim: Width of the embedding of each numeric column.
        category_dim: Largest width of the embedding of each categorical column.
        width: Units of each hidden layer.
        depth: Hidden layers.
        dropout: Share of hidden units dropped in training.
        learning_rate: Step size of AdamW.
        weight_decay: Decoupled weight decay of the shared matrices.
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
        layer = MemberLinear(n_inputs if i == 0 else width, width, k, random_signs=i == 0)
        layers += [layer, nn.ReLU(), nn.Dropout(dropout)]
    model = ParallelMLP(numeric, categorical, nn.Sequential(*layers, MemberHeads(width, n_outputs, k)))

    shared = [p for name, p in model.named_parameters() if name.endswith(".linear.weight")]
    others = [p for name, p in model.named_parameters() if not name.endswith(".linear.weight")]
    groups = [{"params": shared, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return model, torch.optim.AdamW(groups, lr=learning_rate)
