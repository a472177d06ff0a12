"""Kinds of arrays, and how much of a table is handled at once."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PIECE = 1 << 17  # rows, or texts, that are turned into Python objects or encoded at once
