"""A table's encoding: its blocks, and the arrays that they give."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .arrays import PIECE, Ints
from .blocks import Block, Category, Flag, Gap, Moment, Number, Scaling, Words
from .cells import Cells


class Encoded(NamedTuple):
    """The arrays that a model takes."""

    x_num: NDArray[np.float32]  # (rows, n_numeric), no missing values
    x_cat: Ints  # (rows, n_categorical), 0 = missing or unseen


_BLOCKS: dict[str, type[Block]] = {
    "number": Number, "flag": Flag, "moment": Moment, "gap": Gap, "words": Words, "category": Category
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """Blocks in order: their numeric columns and codes are what a model sees."""

    blocks: tuple[Block, ...]

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """What each column of `x_num` holds."""
        return tuple(name for block in self.blocks for name in block.names)

    @property
    def categorical_names(self) -> tuple[str, ...]:
        """The source of each column of `x_cat`."""
        return tuple(block.source for block in self.blocks if isinstance(block, Category))

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Distinct codes of each column of `x_cat`."""
        return tuple(block.cardinality for block in self.blocks if isinstance(block, Category))

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns that a frame must have, each once."""
        gaps = (block.until for block in self.blocks if isinstance(block, Gap))
        return tuple(dict.fromkeys([*(block.source for block in self.blocks), *gaps]))

    @property
    def text_sources(self) -> tuple[str, ...]:
        """The columns that a CSV reader must leave as text, so that "007" stays a level of its own."""
        return tuple(b.source for b in self.blocks if isinstance(b, Category | Words | Flag | Moment))

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """The frame's rows as arrays. Raises ValueError when a column is missing."""
        x_num = np.empty((len(frame), len(self.numeric_names)), dtype=np.float32)
        x_cat = np.empty((len(frame), len(self.cardinalities)), dtype=np.int64)
        start = 0
        for piece in self.pieces(frame):
            stop = start + len(piece.x_num)
            x_num[start:stop], x_cat[start:stop] = piece
            start = stop
        return Encoded(x_num, x_cat)

    def pieces(self, frame: pd.DataFrame, rows: Ints | None = None) -> Iterator[Encoded]:
        """`transform`, some rows at a time: a large table is encoded in little memory beside it.

        Args:
            rows: numbers of the rows in their order; all of them by default.
        """
        needed = set(self.sources)
        frame = frame.loc[:, [name in needed for name in frame.columns]]
        count = len(frame) if rows is None else len(rows)
        size = max(1, min(PIECE, 64 * PIECE // max(64, len(needed))))
        for start in range(0, max(1, count), size):
            piece = slice(start, start + size) if rows is None else rows[start : start + size]
            yield self._encode(Cells(frame.iloc[piece]))

    def _encode(self, cells: Cells) -> Encoded:
        x_num = np.empty((cells.rows, len(self.numeric_names)), dtype=np.float32)
        x_cat = np.empty((cells.rows, len(self.cardinalities)), dtype=np.int64)
        columns = (column for block in self.blocks for column in block.columns(cells))
        for number, column in enumerate(columns):
            x_num[:, number] = column
        for number, block in enumerate(b for b in self.blocks if isinstance(b, Category)):
            x_cat[:, number] = block.codes(cells)
        return Encoded(x_num, x_cat)

    def to_json(self) -> dict[str, Any]:
        """A strict-JSON mapping that `from_json` reads back to the same numbers, bit for bit."""
        kinds = {block: name for name, block in _BLOCKS.items()}
        return {"version": 1, "blocks": [{"block": kinds[type(b)], **asdict(b)} for b in self.blocks]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Encoding":
        """The encoding that `to_json` wrote."""
        if data.get("version") != 1:
            raise ValueError(f"encoding version {data.get('version')!r}: this reader knows version 1")
        return cls(blocks=tuple(_block_from_json(dict(block)) for block in data["blocks"]))


def _block_from_json(fields: dict[str, Any]) -> Block:
    kind = _BLOCKS[fields.pop("block")]
    for name, value in fields.items():
        if isinstance(value, dict):
            fields[name] = Scaling(**{key: _tuples(item) for key, item in value.items()})
        else:
            fields[name] = _tuples(value)
    return kind(**fields)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
