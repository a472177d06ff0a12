"""Predicts clicks by a factorisation machine beside a network. Reads config.json, writes metrics.jsonl."""

import argparse
import json
import math

import torch
from generate import FIELDS, impressions
from torch import nn
from torch.nn import functional

torch.set_num_threads(1)  # a network this small: more threads wait for each other


class DeepFM(nn.Module):
    """Single effects, products of pairs, and a network, all on the same embeddings (Guo et al., 2017)."""

    def __init__(self, embedding_size, mlp_hidden_size, num_mlp_layers, dropout_prob):
        super().__init__()
        sizes = torch.tensor(list(FIELDS.values()))
        self.register_buffer("offsets", sizes.cumsum(0) - sizes)
        self.single = nn.Embedding(int(sizes.sum()), 1)
        self.embedding = nn.Embedding(int(sizes.sum()), embedding_size)
        nn.init.normal_(self.single.weight, std=0.01)
        nn.init.normal_(self.embedding.weight, std=0.05)
        layers, width = [], len(FIELDS) * embedding_size
        for _ in range(num_mlp_layers):
            layers += [nn.Linear(width, mlp_hidden_size), nn.ReLU(), nn.Dropout(dropout_prob)]
            width = mlp_hidden_size
        self.network = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, codes):
        places = codes + self.offsets
        vectors = self.embedding(places)  # (B, fields, E)
        pairs = (vectors.sum(dim=1).square() - vectors.square().sum(dim=1)).sum(dim=1) / 2
        return self.single(places).sum(dim=(1, 2)) + pairs + self.network(vectors.flatten(1)).squeeze(1)


def load():
    """Training, validation and test rows, one after the other in time."""
    codes, clicks = map(torch.from_numpy, impressions())
    first, second = int(0.7 * len(clicks)), int(0.85 * len(clicks))
    ends = ((0, first), (first, second), (second, len(clicks)))
    return [(codes[begin:end], clicks[begin:end].float()) for begin, end in ends]


@torch.no_grad()
def auc(model, codes, clicks):
    """The share of pairs, a click and a row without one, in the right order; a tie is half of one."""
    model.eval()
    scores = model(codes)
    differences = scores[clicks == 1][:, None] - scores[clicks == 0]
    order = differences.sign().masked_fill(differences.isnan(), math.nan)  # sign takes NaN for 0
    return ((order.mean() + 1) / 2).item()


def train_epoch(model, optimizer, codes, clicks, training):
    """The mean training loss, without the penalty."""
    model.train()
    losses = []
    for rows in torch.randperm(len(clicks)).split(training["batch_size"]):
        loss = functional.binary_cross_entropy_with_logits(model(codes[rows]), clicks[rows])
        penalty = sum(weights.square().sum() for weights in model.parameters())
        optimizer.zero_grad()
        (loss + training["reg_weight"] * penalty).backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="config.json")
    parser.add_argument("--test", action="store_true", help="score the test rows, too; not for tuning")
    options = parser.parse_args()
    with open(options.config) as file:
        config = json.load(file)
    training = config["training"]
    torch.manual_seed(training["seed"])
    train, validation, test = load()
    model = DeepFM(**config["model"])
    kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    optimizer = kinds[training["optimizer"]](model.parameters(), training["learning_rate"])
    with open("metrics.jsonl", "w") as metrics:
        for epoch in range(1, training["epochs"] + 1):
            loss = train_epoch(model, optimizer, *train, training)
            val_auc = auc(model, *validation)
            line = {"epoch": epoch, "train_loss": loss, "val_auc": val_auc}
            print(json.dumps(line), file=metrics, flush=True)
            print(f"epoch {epoch}: train loss {loss:.4f}, val AUC {val_auc:.4f}", flush=True)
    if options.test:
        print(f"test AUC {auc(model, *test):.4f}")


if __name__ == "__main__":
    main()
