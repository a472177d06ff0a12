# expect: rules: dynamic: self.get_buffer(name)
from typing import Annotated

import torch
from torch import Tensor, nn


class PiecewiseLinear(nn.Module):
    def __init__(self, quantiles: Tensor, n_bins: int, dim: int):
        super().__init__()
        self.n = quantiles.shape[0]
        for i in range(self.n):
            edges = torch.unique(quantiles[i][torch.linspace(0, 64, n_bins + 1).long()])
            self.register_buffer(f"bins_{i}", edges)
        self.out = nn.ModuleList([nn.LazyLinear(dim) for _ in range(self.n)])

    def forward(self, x: Tensor) -> Tensor:
        parts = []
        for i in range(self.n):
            edges = getattr(self, f"bins_{i}")
            width = (edges[1:] - edges[:-1]).clamp_min(1e-6)
            parts.append(self.out[i](((x[:, i : i + 1] - edges[:-1]) / width).clamp(0, 1)))
        return torch.cat(parts, 1)


class Net(nn.Module):
    def __init__(self, quantiles: Tensor, n_out: int, n_bins: int, dim: int):
        super().__init__()
        self.embed = PiecewiseLinear(quantiles, n_bins, dim)
        self.head = nn.LazyLinear(n_out)

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        return self.head(torch.relu(self.embed(x_num)))


def make_model_and_optimizer(
    n_numeric: int,
    n_outputs: int,
    numeric_quantiles: Tensor,
    *,
    n_bins: Annotated[int, 4, 64, "log"] = 16,
    dim: Annotated[int, 4, 32, "log"] = 8,
    learning_rate: Annotated[float, 1e-4, 1e-2, "log"] = 1e-3,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Piecewise-linear embeddings.

    Args:
        n_bins (int): bins a column
        dim (int): width of each embedding
        learning_rate (float): step size
    """
    model = Net(numeric_quantiles, n_outputs, n_bins, dim)
    model(torch.zeros(2, n_numeric), torch.zeros(2, 0, dtype=torch.long))
    return model, torch.optim.AdamW(model.parameters(), lr=learning_rate)
