"""The model of a run as data, which predicts without the run's folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.bundle import bundle_folders
from codegen_hpo.engine.outputs import models_of
from codegen_hpo.errors import reading
from codegen_hpo.records import Member, Network
from codegen_hpo.scoring.ensemble import average
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import read_task, source_of
from codegen_hpo.table.encoding import Encoding
from codegen_hpo.table.target import TargetCodec, Transform

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """Everything that turns a table's rows into predictions.

    It is plain data: to make, copy, pickle and unpickle it runs no generated code. `LoadedModel` does, in a
    sandbox.
    """

    target: str
    kind: str  # "regression", "binary" or "multiclass"
    classes: tuple[str, ...]  # empty for a regression
    encoding: Mapping[str, Any] = field(repr=False)  # the run's encoding.json
    meta: Mapping[str, Any] = field(repr=False)  # a bundle's meta.json: the facts of the data
    quantiles: NDArray[np.float32] = field(repr=False)  # (n_numeric, 65)
    networks: tuple[Network, ...] = field(repr=False)

    @classmethod
    def of(cls, folder: RunFolder, members: Sequence[Member]) -> "TrainedModel":
        """The members' networks and what a run knows of its table. Raises ConfigError if it is damaged."""
        metas, quantiles = table_facts(folder, len(models_of(members[0].trial)))
        task = read_task(folder)
        networks = []
        for trial, weight in members:
            for model, meta in zip(models_of(trial), metas, strict=True):
                with reading(path := folder.file(f"{model.folder}/weights.safetensors")):
                    weights = path.read_bytes()
                with reading(folder.path / "bundle"):
                    transform = _transform(meta["target"], trial.call.target_transform)
                networks.append(
                    Network(
                        source=source_of(folder, trial),
                        arguments=dict(trial.call.arguments),
                        seed=model.seed,
                        weights=weights,
                        share=weight / len(metas),
                        transform=transform,
                    )
                )
        return cls(
            target=task["target"],
            kind=task["kind"],
            classes=tuple(task["classes"]),
            encoding=folder.read_json("encoding.json"),
            meta=metas[0],
            quantiles=quantiles,
            networks=tuple(networks),
        )

    @property
    def n_outputs(self) -> int:
        """Outputs of one network."""
        return int(self.meta["n_outputs"])

    def read_encoding(self) -> Encoding:
        """How columns become numbers."""
        return Encoding.from_json(self.encoding)

    def decode(self, outputs: NDArray[np.float32]) -> Floats:
        """(rows,) values in the target's unit, or (rows, n_classes) probabilities.

        Args:
            outputs: (rows, networks * n_outputs), as a `rows` job returns them.
        """
        parts = np.split(outputs, len(self.networks), axis=1)
        decoded = [
            _codec(self.kind, network.transform).decode(part)
            for network, part in zip(self.networks, parts, strict=True)
        ]
        return average(decoded, [network.share for network in self.networks])

    def write_bundle(self, folder: Path, x_num: NDArray[np.float32], x_cat: NDArray[np.int64]) -> None:
        """A folder for prediction, written: the facts of the data, and these rows."""
        folder.mkdir(parents=True)
        (folder / "meta.json").write_text(json.dumps(self.meta, allow_nan=False), "utf-8")
        np.save(folder / "quantiles.npy", self.quantiles, allow_pickle=False)
        np.save(folder / "eval_num.npy", np.ascontiguousarray(x_num), allow_pickle=False)
        np.save(folder / "eval_cat.npy", np.ascontiguousarray(x_cat), allow_pickle=False)


def table_facts(folder: RunFolder, folds: int) -> tuple[list[dict[str, Any]], NDArray[np.float32]]:
    """The meta.json of each fold's bundle, and the (n_numeric, 65) quantiles. Raises ConfigError."""
    bundles = bundle_folders(folder.path / "bundle", folds)
    metas = [
        folder.read_json(f"{bundle.relative_to(folder.path).as_posix()}/meta.json") for bundle in bundles
    ]
    path = bundles[0] / "quantiles.npy"
    with reading(path):
        return metas, np.load(path, allow_pickle=False)


def _transform(target: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    """The transform of that name, or the default one."""
    if target is None:
        return None
    chosen: Mapping[str, Any] = target["transforms"][name or target["default"]]
    return chosen


def _codec(kind: str, transform: Mapping[str, Any] | None) -> TargetCodec:
    if transform is None:
        return TargetCodec(kind=kind)
    return TargetCodec(kind=kind, default="own", transforms={"own": Transform(**transform)})
