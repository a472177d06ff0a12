"""A plain multilayer perceptron over the numeric columns and learned embeddings of the categorical ones."""

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


class MLP(nn.Module):
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
    width: Annotated[int, 64, 512, "log"] = 256,
    depth: Annotated[int, 1, 4] = 3,
    dropout: Annotated[float, 0.0, 0.5] = 0.1,
    activation: Literal["relu", "silu", "gelu"] = "silu",
    learning_rate: Annotated[float, 2e-4, 4e-3, "log"] = 1e-3,
    weight_decay: Annotated[float, 1e-4, 0.3, "log"] = 1e-2,
    batch_size: Annotated[int, 128, 1024, "log"] = 256,
    lr_schedule: Literal["constant", "cosine"] = "constant",
    ema_decay: Annotated[float, 0.95, 0.999] = 0.99,
    label_smoothing: Annotated[float, 0.0, 0.2] = 0.0,
    loss: Literal["mse", "mae", "huber"] = "huber",
    target_transform: Literal["none", "log", "sqrt"] = "none",
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Multilayer perceptron with learned embeddings of the categorical columns.

    Args:
        category_dim: Largest width of the embedding of each categorical column.
        width: Units of each hidden layer.
        depth: Hidden layers.
        dropout: Share of hidden units dropped in training.
        activation: Non-linearity after each hidden layer.
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

    activations = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU}
    layers: list[nn.Module] = []
    for i in range(depth):
        layer = nn.Linear(n_inputs if i == 0 else width, width)
        layers += [layer, activations[activation](), nn.Dropout(dropout)]
    model = MLP(categorical, nn.Sequential(*layers, nn.Linear(width, n_outputs)))

    hidden = [p for p in model.layers.parameters() if p.ndim == 2]
    others = [p for name, p in model.named_parameters() if not (name.startswith("layers.") and p.ndim == 2)]
    groups = [{"params": hidden, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return model, torch.optim.AdamW(groups, lr=learning_rate)
