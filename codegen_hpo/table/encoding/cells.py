"""A frame's columns as arrays."""

from typing import Any

import pandas as pd

from .arrays import Floats
from .levels import Levels, levels_of
from .moments import read_moments


class Cells:
    """A frame's columns as arrays; levels and moments are read once."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.rows = len(frame)
        self._frame = frame
        self._moments: dict[tuple[str, str], Floats] = {}
        self._levels: dict[str, Levels] = {}

    def column(self, name: str) -> "pd.Series[Any]":
        """The column of that name. Raises ValueError when the frame lacks it."""
        if name not in self._frame.columns:
            raise ValueError(f"column {name!r} is missing; it was there when the encoding was fitted")
        return self._frame[name]

    def levels(self, name: str) -> Levels:
        """`levels_of` the column."""
        if name not in self._levels:
            self._levels[name] = levels_of(self.column(name))
        return self._levels[name]

    def moments(self, name: str, layout: str) -> Floats:
        """`read_moments` of the column."""
        if (name, layout) not in self._moments:
            self._moments[name, layout] = read_moments(self.column(name), layout)
        return self._moments[name, layout]
