"""A residual network: each block adds a small correction to what went before.

After the ResNet of Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data" (arXiv 2106.11959),
section 3.2, without its batch norm.
"""

import itertools
import math
from typing import Annotated, Literal

import torch
from torch import Tensor, nn


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


class Block(nn.Module):
    """x + scale * f(x): the learned scale starts small, so that deep stacks train without batch norm."""

    def __init__(self, width: int, expansion: float, dropout: float, *, norm: bool, scale: float) -> None:
        super().__init__()
        inner = max(1, round(width * expansion))
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.grow = nn.Linear(width, inner)
        self.drop = nn.Dropout(dropout)
        self.shrink = nn.Linear(inner, width)
        self.scale = nn.Parameter(torch.full((1,), scale))

    def forward(self, x: Tensor) -> Tensor:
        change = self.shrink(self.drop(torch.relu(self.grow(self.norm(x)))))
        return x + self.scale * change  # (batch, width)


class ResidualNetwork(nn.Module):
    def __init__(self, categorical: CategoricalEmbedding | None, layers: nn.Sequential) -> None:
        super().__init__()
        self.categorical = categorical
        self.layers = layers

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        inputs = x_num
        if self.categorical is not None:
            inputs = torch.cat([x_num, self.categorical(x_cat)], dim=1)
        return self.layers(inputs)  # (batch, n_outputs)


def category_width(cardinalities: list[int], dim: int) -> int:
    """The embedding width: no wider than the largest cardinality needs, narrow when columns are many."""
    enough = round(1.6 * max(cardinalities) ** 0.56)
    return max(1, min(dim, enough, 4096 // len(cardinalities)))


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    category_dim: Annotated[int, 2, 32, "log"] = 8,
    width: Annotated[int, 64, 384, "log"] = 192,
    n_blocks: Annotated[int, 1, 4] = 2,
    expansion: Annotated[float, 0.5, 3.0] = 1.5,
    layer_norm: bool = False,
    dropout: Annotated[float, 0.0, 0.5] = 0.1,
    learning_rate: Annotated[float, 2e-4, 4e-3, "log"] = 1e-3,
    weight_decay: Annotated[float, 1e-4, 0.3, "log"] = 1e-2,
    batch_size: Annotated[int, 128, 1024, "log"] = 256,
    lr_schedule: Literal["constant", "cosine"] = "constant",
    ema_decay: Annotated[float, 0.95, 0.999] = 0.99,
    label_smoothing: Annotated[float, 0.0, 0.2] = 0.0,
    loss: Literal["mse", "mae", "huber"] = "huber",
    target_transform: Literal["none", "log", "sqrt"] = "none",
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Residual network with learned embeddings of the categorical columns.

    Args:
        category_dim: Largest width of the embedding of each categorical column.
        width: Units that the blocks pass on.
        n_blocks: Residual blocks.
        expansion: Units inside a block, as a multiple of the width.
        layer_norm: Whether each block and the head normalise what they get.
        dropout: Share of a block's inner units dropped in training.
        learning_rate: Step size of AdamW.
        weight_decay: Decoupled weight decay of the layers' matrices.
        batch_size: Rows a step.
        lr_schedule: Course of the learning rate over the epochs.
        ema_decay: Decay a step of the averaged weights that are used for prediction.
        label_smoothing: Share of each label that is spread over all classes.
        loss: What is minimised on the standardised target; huber and mae mind outliers less.
        target_transform: Applied to the target before it is standardised; log suits skewed positive targets.
    """
    categorical = None
    n_inputs = n_numeric
    if cardinalities:
        dim = category_width(cardinalities, category_dim)
        categorical = CategoricalEmbedding(cardinalities, dim)
        n_inputs += len(cardinalities) * dim

    layers: list[nn.Module] = [nn.Linear(n_inputs, width)]
    for _ in range(n_blocks):
        layers.append(Block(width, expansion, dropout, norm=layer_norm, scale=1 / math.sqrt(n_blocks)))
    layers += [nn.LayerNorm(width) if layer_norm else nn.Identity(), nn.ReLU(), nn.Linear(width, n_outputs)]
    model = ResidualNetwork(categorical, nn.Sequential(*layers))

    hidden = [p for p in model.layers.parameters() if p.ndim == 2]
    others = [p for name, p in model.named_parameters() if not (name.startswith("layers.") and p.ndim == 2)]
    groups = [{"params": hidden, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return model, torch.optim.AdamW(groups, lr=learning_rate)
