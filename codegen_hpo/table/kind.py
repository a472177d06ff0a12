"""What sort of target a table has."""

from typing import Literal

Kind = Literal["regression", "binary", "multiclass"]
