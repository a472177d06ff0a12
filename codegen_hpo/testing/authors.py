"""An author that serves prepared sources: for tests of whatever stands behind the author seam."""

from collections.abc import Iterable

from codegen_hpo.author.base import Brief, Draft


class ScriptedAuthor:
    """Serves sources or drafts in turn, and keeps the briefs it was given.

    Args:
        script: a text is a draft's source; a Draft is served as it is.
        trusted: whether the sources may run without a sandbox.
    """

    name = "scripted"

    def __init__(self, script: Iterable[str | Draft], *, trusted: bool = True) -> None:
        self.trusted = trusted
        self.briefs: list[Brief] = []
        self._drafts = [Draft(source=item) if isinstance(item, str) else item for item in script]

    def write(self, brief: Brief) -> Draft:
        """The next draft. Raises AssertionError when the script is at its end."""
        self.briefs.append(brief)
        if len(self.briefs) > len(self._drafts):
            raise AssertionError(
                f"the script holds {len(self._drafts)} drafts, draft {len(self.briefs)} was asked for "
                f"(candidate {brief.number}, findings: {[finding.rule for finding in brief.findings]})"
            )
        return self._drafts[len(self.briefs) - 1]
