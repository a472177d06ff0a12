"""A fitted encoding of table columns, and how it is applied to new rows.

`export` copies this very folder beside a model, so its files need Python 3.11, numpy and pandas alone, and
import one another relatively. An encoding is plain JSON: a list of blocks, each of which reads one column
(two for a gap) and gives numeric columns, or one column of codes. Cells are read in one way everywhere: the
profile decides with the same eyes.

Texts are read by level, each distinct one once, and many in one pass of a regular expression over all of them
joined: a call of Python for each took three times as long. What is temporary is bounded by `PIECE` rows.
"""

from .encoding import Encoded, Encoding

__all__ = ["Encoded", "Encoding"]
