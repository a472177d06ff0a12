"""A small residual network on the digits of scikit-learn. Reads config.toml, writes events to logs/."""

import argparse
import tomllib

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional
from torch.utils.tensorboard import SummaryWriter

torch.set_num_threads(1)  # images of 8 x 8: more threads wait for each other


class SqueezeExcite(nn.Module):
    """Weighs the channels by their means."""

    def __init__(self, channels):
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(channels, max(channels // 4, 4)),
            nn.ReLU(),
            nn.Linear(max(channels // 4, 4), channels),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.gate(x.mean(dim=(2, 3)))[:, :, None, None]


class SelectiveKernel(nn.Module):
    """A near and a wide convolution, mixed channel by channel."""

    def __init__(self, inputs, channels):
        super().__init__()
        self.near = nn.Conv2d(inputs, channels, 3, padding=1, bias=False)
        self.wide = nn.Conv2d(inputs, channels, 3, padding=2, dilation=2, bias=False)
        self.choose = nn.Linear(channels, 2 * channels)

    def forward(self, x):
        branches = torch.stack([self.near(x), self.wide(x)], dim=1)  # (B, 2, C, H, W)
        means = branches.sum(dim=1).mean(dim=(2, 3))
        weights = self.choose(means).view(len(x), 2, -1).softmax(dim=1)
        return (branches * weights[..., None, None]).sum(dim=1)


class Block(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, variant, inputs, channels, stride):
        super().__init__()
        if variant == "skresnet":
            second = SelectiveKernel(channels, channels)
        else:
            second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.body = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            second,
            nn.BatchNorm2d(channels),
            SqueezeExcite(channels) if variant == "seresnet" else nn.Identity(),
        )
        if stride == 1 and inputs == channels:
            self.shortcut = nn.Identity()
        elif variant == "resnetd":  # halves by averaging, so that no pixel is left out
            pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(inputs, channels, 1, bias=False))
        else:
            self.shortcut = nn.Conv2d(inputs, channels, 1, stride, bias=False)

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x))


class Network(nn.Module):
    def __init__(self, variant, global_pool, dropout_rate, width):
        super().__init__()
        stem = [nn.Conv2d(1, width, 3, padding=1, bias=False)]
        if variant == "resnetd":
            stem += [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False)]
        self.stem = nn.Sequential(*stem, nn.BatchNorm2d(width), nn.ReLU())
        self.blocks = nn.Sequential(
            Block(variant, width, width, 1),
            Block(variant, width, 2 * width, 2),
            Block(variant, 2 * width, 4 * width, 2),
        )
        self.global_pool = global_pool
        self.dropout = nn.Dropout(dropout_rate)
        self.head = nn.Linear(4 * width * (2 if global_pool == "catavgmax" else 1), 10)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        average, largest = x.mean(dim=(2, 3)), x.amax(dim=(2, 3))
        pooled = {
            "avg": average,
            "max": largest,
            "avgmax": (average + largest) / 2,
            "catavgmax": torch.cat([average, largest], dim=1),
        }[self.global_pool]
        return self.head(self.dropout(pooled))


def load():
    """Training, validation and test rows: images (n, 1, 8, 8) between 0 and 1, and their digits."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(digits.target)
    rest, test = train_test_split(range(len(labels)), test_size=400, stratify=labels, random_state=0)
    train, validation = train_test_split(rest, test_size=500, stratify=labels[rest], random_state=0)
    return [(images[part], labels[part]) for part in (train, validation, test)]


def make_optimizer(model, training):
    if training["optimizer"] == "adam":
        betas = (training["momentum"], 0.999)
        return torch.optim.Adam(
            model.parameters(), training["learning_rate"], betas, weight_decay=training["weight_decay"]
        )
    return torch.optim.SGD(
        model.parameters(),
        training["learning_rate"],
        momentum=training["momentum"],
        weight_decay=training["weight_decay"],
    )


@torch.no_grad()
def evaluate(model, images, labels):
    """Loss and accuracy."""
    model.eval()
    logits = model(images)
    return functional.cross_entropy(logits, labels).item(), (
        logits.argmax(dim=1) == labels
    ).float().mean().item()


def train_epoch(model, optimizer, images, labels, batch_size):
    """The mean training loss."""
    model.train()
    losses = []
    for rows in torch.randperm(len(labels)).split(batch_size):
        loss = functional.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="config.toml")
    parser.add_argument("--test", action="store_true", help="score the test images, too; not for tuning")
    options = parser.parse_args()
    with open(options.config, "rb") as file:
        config = tomllib.load(file)
    training = config["training"]
    torch.manual_seed(training["seed"])
    (images, labels), validation, test = load()
    model = Network(**config["model"])
    optimizer = make_optimizer(model, training)
    with SummaryWriter("logs") as writer:
        for epoch in range(1, training["epochs"] + 1):
            train_loss = train_epoch(model, optimizer, images, labels, training["batch_size"])
            val_loss, val_accuracy = evaluate(model, *validation)
            writer.add_scalar("train_loss", train_loss, epoch)
            writer.add_scalar("val_loss", val_loss, epoch)
            writer.add_scalar("val_accuracy", val_accuracy, epoch)
            print(
                f"epoch {epoch}: train loss {train_loss:.4f}, val loss {val_loss:.4f}, "
                f"val accuracy {val_accuracy:.4f}",
                flush=True,
            )
            if train_loss != train_loss:
                raise FloatingPointError(f"the loss is NaN after epoch {epoch}")
    if options.test:
        print(f"test accuracy {evaluate(model, *test)[1]:.4f}")


if __name__ == "__main__":
    main()
