"""A graph convolutional network on a neighbour graph of scikit-learn's digits. Writes metrics.jsonl."""

import argparse
import json
from itertools import pairwise

import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph
from torch import nn
from torch.nn import functional

# What to try is set here.
NUM_LAYERS = 2
HIDDEN_SIZE = 16
ACTIVATION = "relu"  # relu, elu or silu
DROPOUT = 0.5
OPTIMIZER = "adam"  # or sgd
LEARNING_RATE = 0.01
WEIGHT_DECAY = 5e-4
EPOCHS = 60

SEED = 0
NEIGHBOURS = 8  # of an image in the graph, itself among them
LABELLED = 4  # images of each digit whose label may be learnt from
VALIDATION = 500

torch.set_num_threads(1)  # a graph this small: more threads wait for each other


class GCN(nn.Module):
    """Layers that mix each node with its neighbours, then transform (Kipf and Welling, 2016)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        sizes = [inputs, *[HIDDEN_SIZE] * (NUM_LAYERS - 1), outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.activation = {"relu": functional.relu, "elu": functional.elu, "silu": functional.silu}[
            ACTIVATION
        ]

    def forward(self, adjacency, x):
        for place, layer in enumerate(self.layers):
            if place:
                x = self.activation(x)
            x = functional.dropout(x, DROPOUT, self.training)
            x = torch.sparse.mm(adjacency, layer(x))
        return x


def load():
    """Normalised adjacency (n, n), features (n, 64), labels (n,) and the nodes of three parts."""
    digits = load_digits()
    graph = kneighbors_graph(digits.data, NEIGHBOURS, include_self=True)
    graph = graph.maximum(graph.T).tocoo()
    degree = torch.tensor(graph.sum(axis=1)).flatten().float()
    rows, columns = torch.tensor(graph.row).long(), torch.tensor(graph.col).long()
    weights = (degree[rows] * degree[columns]).rsqrt()
    adjacency = torch.sparse_coo_tensor(
        torch.stack([rows, columns]), weights, graph.shape, check_invariants=False
    ).coalesce()
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train = torch.cat([order[labels[order] == digit][:LABELLED] for digit in range(10)])
    rest = order[~torch.isin(order, train)]
    features = torch.tensor(digits.data, dtype=torch.float32) / 16
    return adjacency, features, labels, (train, rest[:VALIDATION], rest[VALIDATION:])


def make_optimizer(model):
    if OPTIMIZER == "adam":
        return torch.optim.Adam(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return torch.optim.SGD(model.parameters(), LEARNING_RATE, momentum=0.9, weight_decay=WEIGHT_DECAY)


@torch.no_grad()
def accuracy(model, adjacency, features, labels, nodes):
    model.eval()
    predicted = model(adjacency, features).argmax(dim=1)
    return (predicted[nodes] == labels[nodes]).float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test", action="store_true", help="score the test nodes, too; not for tuning")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    adjacency, features, labels, (train, validation, test) = load()
    model = GCN(features.shape[1], 10)
    optimizer = make_optimizer(model)
    with open("metrics.jsonl", "w") as metrics:
        for epoch in range(1, EPOCHS + 1):
            model.train()
            logits = model(adjacency, features)
            loss = functional.cross_entropy(logits[train], labels[train])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            val_accuracy = accuracy(model, adjacency, features, labels, validation)
            line = {"epoch": epoch, "train_loss": loss.item(), "val_accuracy": val_accuracy}
            print(json.dumps(line), file=metrics, flush=True)
    print(f"after {EPOCHS} epochs: train loss {loss.item():.4f}, val accuracy {val_accuracy:.4f}")
    if options.test:
        print(f"test accuracy {accuracy(model, adjacency, features, labels, test):.4f}")


if __name__ == "__main__":
    main()
