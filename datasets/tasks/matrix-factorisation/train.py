"""Recommends items by a light graph convolution over users and items. Writes metrics.csv."""

import argparse
import csv
import math

import numpy as np
import torch
from generate import ITEMS, USERS, interactions
from torch import nn
from torch.nn import functional

TOP = 10
EVERY = 5  # epochs between two evaluations

torch.set_num_threads(1)  # a graph this small: more threads wait for each other


class LightGCN(nn.Module):
    """Embeddings, averaged over what layers of neighbours tell (He et al., 2020)."""

    def __init__(self, adjacency, embedding_size, num_layers):
        super().__init__()
        self.adjacency, self.num_layers = adjacency, num_layers
        self.embedding = nn.Embedding(USERS + ITEMS, embedding_size)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self):
        layers = [self.embedding.weight]
        for _ in range(self.num_layers):
            layers.append(torch.sparse.mm(self.adjacency, layers[-1]))
        return torch.stack(layers).mean(dim=0).split([USERS, ITEMS])


def load():
    """Pairs for training; for validation and test the items held out, as masks (users, items)."""
    pairs = interactions()
    train, validation, test = [], *np.zeros((2, USERS, ITEMS), dtype=bool)
    for user in range(USERS):
        items = pairs[pairs[:, 0] == user, 1]
        validation[user, items[-6:-3]] = True
        test[user, items[-3:]] = True
        train += [(user, item) for item in items[:-6]]
    return torch.tensor(train), torch.tensor(validation), torch.tensor(test)


def normalised_adjacency(train):
    """(users + items) square, symmetric, each edge divided by the root of both degrees."""
    users, items = train.T
    rows, columns = torch.cat([users, items + USERS]), torch.cat([items + USERS, users])
    degree = torch.bincount(rows, minlength=USERS + ITEMS).float()
    weights = (degree[rows] * degree[columns]).rsqrt()
    size = (USERS + ITEMS, USERS + ITEMS)
    return torch.sparse_coo_tensor(
        torch.stack([rows, columns]), weights, size, check_invariants=False
    ).coalesce()


@torch.no_grad()
def ndcg(model, known, wanted):
    """The mean over users of NDCG@10 among the items that are not known yet."""
    users, items = model()
    best = (users @ items.T).masked_fill(known, -math.inf).topk(TOP).indices
    discounts = 1 / torch.arange(2.0, TOP + 2).log2()
    gains = (wanted.gather(1, best) * discounts).sum(dim=1)
    ideal = discounts.cumsum(0)[wanted.sum(dim=1).clamp(max=TOP) - 1]
    return (gains / ideal).mean().item()


def train_epoch(model, optimizer, train, options):
    """The mean loss of Bayesian personalised ranking, one random other item a pair."""
    losses = []
    for rows in torch.randperm(len(train)).split(options.batch_size):
        user, item = train[rows].T
        other = torch.randint(ITEMS, (len(rows),))
        users, items = model()
        margin = (users[user] * (items[item] - items[other])).sum(dim=1)
        used = model.embedding.weight[torch.cat([user, USERS + item, USERS + other])]
        loss = -functional.logsigmoid(margin).mean() + options.reg_weight * used.square().sum() / len(rows)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()}: the training has diverged")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedding-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-2)
    parser.add_argument("--optimizer", choices=["adam", "sgd"], default="adam")
    parser.add_argument("--reg-weight", type=float, default=1e-4)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--num-layers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", action="store_true", help="score the test items, too; not for tuning")
    return parser.parse_args()


def main():
    options = read_options()
    torch.manual_seed(options.seed)
    train, validation, test = load()
    known = torch.zeros(USERS, ITEMS, dtype=torch.bool)
    known[train[:, 0], train[:, 1]] = True
    model = LightGCN(normalised_adjacency(train), options.embedding_size, options.num_layers)
    kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    optimizer = kinds[options.optimizer](model.parameters(), options.learning_rate)
    with open("metrics.csv", "w", newline="") as file:
        metrics = csv.writer(file)
        metrics.writerow(["epoch", "train_loss", "ndcg_at_10"])
        for epoch in range(1, options.epochs + 1):
            loss = train_epoch(model, optimizer, train, options)
            if epoch % EVERY == 0 or epoch == options.epochs:
                score = ndcg(model, known, validation)
                metrics.writerow([epoch, loss, score])
                file.flush()
                print(f"epoch {epoch}: train loss {loss:.4f}, NDCG@10 {score:.4f}", flush=True)
    if options.test:
        print(f"test NDCG@10 {ndcg(model, known | validation, test):.4f}")


if __name__ == "__main__":
    main()
