"""A small transformer that tells which part of SciPy a passage is about. Prints its metric."""

import argparse
import ast
import importlib.util
import re
from collections import Counter
from pathlib import Path

import torch
import yaml
from torch import nn
from torch.nn import functional

PARTS = ("interpolate", "linalg", "ndimage", "optimize", "signal", "spatial")
LENGTH = 32  # words of a passage
PASSAGES = 8  # of a docstring at most
VOCABULARY = 3000  # the most frequent words of the training passages

torch.set_num_threads(1)  # texts this short: more threads wait for each other


def docstrings(folder):
    """The docstrings of public functions, classes and methods below a folder, in a fixed order."""
    for path in sorted(folder.rglob("*.py")):
        if "tests" in path.parts:
            continue
        nodes = ast.parse(path.read_text("utf-8")).body
        nodes += [inner for node in nodes if isinstance(node, ast.ClassDef) for inner in node.body]
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                yield ast.get_docstring(node) or ""


def passages(text):
    """The words of the text, a few at a time, without those that name the part."""
    words = re.findall(r"[a-z]+", re.sub(r"scipy\S*", " ", text.lower()))
    words = [word for word in words if word not in PARTS]
    cut = [tuple(words[start : start + LENGTH]) for start in range(0, len(words), LENGTH)]
    return [passage for passage in cut[:PASSAGES] if len(passage) >= 8]


def read_parts():
    """Training, validation and test passages with their label; those of one docstring stay together."""
    root = Path(importlib.util.find_spec("scipy").origin).parent
    texts = [(passages(text), label) for label, part in enumerate(PARTS) for text in docstrings(root / part)]
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0)).tolist()
    first, second = int(0.6 * len(order)), int(0.8 * len(order))
    seen = set()  # a passage that stands twice counts once
    for places in (order[:first], order[first:second], order[second:]):
        cut = {passage: texts[place][1] for place in places for passage in texts[place][0]}
        yield [(passage, label) for passage, label in cut.items() if passage not in seen]
        seen |= cut.keys()


def load():
    """Three parts: word numbers (n, LENGTH), 0 where there is none, 1 for rare words, and labels (n,)."""
    parts = list(read_parts())
    counts = Counter(word for passage, _ in parts[0] for word in passage)
    number = {word: place for place, (word, _) in enumerate(counts.most_common(VOCABULARY - 2), 2)}
    loaded = []
    for part in parts:
        words = torch.zeros(len(part), LENGTH, dtype=torch.long)
        for place, (passage, _) in enumerate(part):
            words[place, : len(passage)] = torch.tensor([number.get(word, 1) for word in passage])
        loaded.append((words, torch.tensor([label for _, label in part])))
    return loaded


class Layer(nn.Module):
    """Attention and a network, each around a shortcut."""

    def __init__(self, width, heads, activation, dropout, attention_dropout):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, attention_dropout, batch_first=True)
        kind = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}[activation]
        self.network = nn.Sequential(nn.Linear(width, 2 * width), kind(), nn.Linear(2 * width, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, empty):
        y = self.norms[0](x)
        x = x + self.dropout(self.attention(y, y, y, key_padding_mask=empty, need_weights=False)[0])
        return x + self.dropout(self.network(self.norms[1](x)))


class Classifier(nn.Module):
    def __init__(self, width, heads, layers, activation, dropout, attention_dropout, classifier_dropout):
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, width, padding_idx=0)
        self.places = nn.Parameter(torch.zeros(LENGTH, width))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            Layer(width, heads, activation, dropout, attention_dropout) for _ in range(layers)
        )
        self.head = nn.Sequential(
            nn.LayerNorm(width), nn.Dropout(classifier_dropout), nn.Linear(width, len(PARTS))
        )

    def forward(self, words):
        empty = words == 0  # (B, LENGTH)
        x = self.dropout(self.words(words) + self.places)
        for layer in self.layers:
            x = layer(x, empty)
        x = x.masked_fill(empty[..., None], 0).sum(dim=1) / (~empty).sum(dim=1, keepdim=True)
        return self.head(x)


@torch.no_grad()
def accuracy(model, words, labels):
    model.eval()
    return (model(words).argmax(dim=1) == labels).float().mean().item()


def train_epoch(model, optimizer, words, labels, batch_size):
    """The mean training loss."""
    model.train()
    losses = []
    for rows in torch.randperm(len(labels)).split(batch_size):
        loss = functional.cross_entropy(model(words[rows]), labels[rows])
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()}: the training has diverged")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="config.yaml")
    parser.add_argument("--test", action="store_true", help="score the test passages, too; not for tuning")
    options = parser.parse_args()
    with open(options.config) as file:
        config = yaml.safe_load(file)
    training = config["training"]
    torch.manual_seed(training["seed"])
    train, validation, test = load()
    model = Classifier(**config["model"])
    optimizer = torch.optim.AdamW(
        model.parameters(), training["learning_rate"], weight_decay=training["weight_decay"]
    )
    print(f"{len(train[1])} training passages, {len(validation[1])} for validation, {len(test[1])} sealed")
    for epoch in range(1, training["epochs"] + 1):
        loss = train_epoch(model, optimizer, *train, training["batch_size"])
        print(
            f"epoch {epoch}  train_loss {loss:.4f}  val_accuracy {accuracy(model, *validation):.4f}",
            flush=True,
        )
    if options.test:
        print(f"test accuracy {accuracy(model, *test):.4f}")


if __name__ == "__main__":
    main()
