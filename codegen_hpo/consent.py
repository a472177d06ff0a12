"""What the folder of a run names is done only if its user says so: the folder may have come by mail."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from codegen_hpo.engine.settings import Settings
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.endpoint import OPENAI, Endpoint
from codegen_hpo.objective.command import folder_mark
from codegen_hpo.objective.settings import Commanded, SearchSettings


def require_agreed(command: Commanded, *, trusted: bool, here: bool) -> None:
    """Raises ConfigError unless the user says that the command is theirs, and so is a new folder."""
    if not trusted:
        raise ConfigError(
            f"the run's folder says which command is run, {command.how}: {command.text!r}",
            hint="if that is your command: --trust-command",
        )
    if command.begun_in != folder_mark() and not here:
        raise ConfigError(
            "the run was begun in another working folder; its command may mean other files in this one",
            hint="cd to the folder where it was begun, or --here if this one is right",
        )


def recorded_endpoint(
    settings: Settings | SearchSettings, base_url: str | None, environ: Mapping[str, str]
) -> Endpoint | None:
    """The endpoint of a resumed run. A key is not sent to an address that only the run's folder names.

    Raises ConfigError if the recorded endpoint is neither OpenAI's, nor on this machine, nor configured now.
    """
    configured = base_url or environ.get("OPENAI_BASE_URL") or ""
    host = urlsplit(settings.endpoint).hostname or ""
    if not configured and settings.endpoint != OPENAI and host not in ("localhost", "127.0.0.1", "::1"):
        raise ConfigError(
            f"the run's model is {settings.model} at {settings.endpoint}, which is not configured here",
            hint=f"if you trust that address: --base-url {settings.endpoint}",
        )
    return Endpoint.resolve(
        base_url=configured or settings.endpoint,
        model=settings.model,
        temperature=settings.temperature,
        max_tokens=settings.reply_tokens,
        environ=environ,
    )
