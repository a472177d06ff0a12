"""An author that offers one given source: a file of the user's, or a function that was written before."""

from codegen_hpo.author.base import Brief, Draft


class FixedAuthor:
    """Offers its source as every draft; it passes the same gates as any other.

    Args:
        source: of the function.
        name: who wrote it, for the record.
        trusted: only for code that ships with this package.
    """

    def __init__(self, source: str, name: str, *, trusted: bool = False) -> None:
        self.name, self.trusted = name, trusted
        self.source = source

    def __repr__(self) -> str:
        return f"FixedAuthor({self.name!r})"  # short, and the same in each process: estimators show it

    def write(self, brief: Brief) -> Draft:
        """The source, unchanged, whatever was found in it."""
        return Draft(source=self.source)
