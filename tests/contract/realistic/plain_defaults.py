# Hyperparameters without a star, a range or a line of text, as in an ordinary function.
# expect: signature: docstring: does not describe hidden_dim, dropout, lr
# expect: signature: data-argument: hidden_dim: Annotated[int, low, high] = 128
# expect: signature: data-argument: dropout: Annotated[float, low, high] = 0.1
# expect: signature: data-argument: lr: Annotated[float, low, high] = 0.001
import torch
import torch.nn as nn


class MLP(nn.Module):
    def __init__(self, n_in, n_out, hidden_dims, dropout):
        super().__init__()
        layers = []
        for d in hidden_dims:
            layers += [nn.Linear(n_in, d), nn.ReLU(inplace=True), nn.Dropout(dropout)]
            n_in = d
        layers.append(nn.Linear(n_in, n_out))
        self.net = nn.Sequential(*layers)

    def forward(self, x_num, x_cat):
        return self.net(torch.cat([x_num, x_cat.to(x_num.dtype)], dim=1))


def make_model_and_optimizer(n_numeric, cardinalities, n_outputs, hidden_dim=128, dropout: float = 0.1, lr=1e-3):
    """Create an MLP and an Adam optimizer."""
    model = MLP(n_numeric + len(cardinalities), n_outputs, [hidden_dim, hidden_dim // 2], dropout)
    return model, torch.optim.Adam(model.parameters(), lr=lr)
