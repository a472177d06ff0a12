"""Which model is asked, and where: settled once, from options and the environment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit, urlunsplit

from codegen_hpo.errors import ConfigError, EndpointError

OPENAI = "https://api.openai.com/v1"
_DUMMY_KEY = "none"  # the openai client insists on a key; local servers ignore it

ListModels = Callable[["Endpoint"], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model behind an OpenAI-compatible API. Its text forms hold neither the key nor a password.

    `temperature` and `max_tokens` are sent only if they are set: several models refuse them.
    """

    base_url: str = field(repr=False)  # as given: may hold user:password@
    model: str
    api_key: str = field(default=_DUMMY_KEY, repr=False)
    temperature: float | None = None
    max_tokens: int | None = None

    @property
    def url(self) -> str:
        """The base URL without credentials and query: for messages and records."""
        parts = urlsplit(self.base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))

    @property
    def secret(self) -> str:
        """The key, or "" when there is none to keep secret."""
        return "" if self.api_key == _DUMMY_KEY else self.api_key

    def __str__(self) -> str:
        return f"{self.model} at {self.url}"

    @staticmethod
    def is_named(base_url: str | None, environ: Mapping[str, str]) -> bool:
        """Whether an option or the environment names an endpoint."""
        given = (base_url, environ.get("OPENAI_BASE_URL"), environ.get("OPENAI_API_KEY"))
        return any(text and text.strip() for text in given)

    @classmethod
    def resolve(
        cls,
        *,
        base_url: str | None = None,
        model: str | None = None,
        environ: Mapping[str, str],
        temperature: float | None = None,
        max_tokens: int | None = None,
        list_models: ListModels | None = None,
        otherwise: str = "",
    ) -> "Endpoint | None":
        """The endpoint that options and environment name; None if they name none.

        Options go before OPENAI_BASE_URL and CODEGEN_HPO_MODEL; an empty value counts as not set. An endpoint
        named by its URL that offers a single model needs no model name.

        Args:
            list_models: what asks the endpoint for its models; by default over the network.
            otherwise: how to do without a model, for the hint where none is named.

        Raises:
            ConfigError: an unusable URL, or a model without an endpoint, or an endpoint without a model.
        """
        key = environ.get("OPENAI_API_KEY", "").strip()
        url = (base_url or environ.get("OPENAI_BASE_URL") or "").strip()
        name = (model or environ.get("CODEGEN_HPO_MODEL") or "").strip()
        if not cls.is_named(base_url, environ):
            if model:
                raise ConfigError(
                    f"model {model!r} is named, but no endpoint is configured",
                    hint="set OPENAI_API_KEY, or give --base-url (for example http://localhost:11434/v1)",
                )
            return None
        endpoint = cls(
            base_url=_checked(url) if url else OPENAI,
            model=name,
            api_key=key or _DUMMY_KEY,
            temperature=temperature,
            max_tokens=max_tokens,
        )
        if name:
            return endpoint
        only = _only_model(endpoint, list_models) if url else ""
        if not only:
            hint = "give --model NAME or set CODEGEN_HPO_MODEL"
            raise ConfigError(
                f"no model is named for {endpoint.url}", hint=f"{hint}; {otherwise}" if otherwise else hint
            )
        return replace(endpoint, model=only)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # reading it raises on a bad port
    except ValueError:
        usable = False
    if not usable:
        shown = url.rpartition("@")[2]
        raise ConfigError(
            f"base URL {shown!r} is not an http(s) address",
            hint="write it whole, as in http://localhost:11434/v1",
        )
    return url


def _only_model(endpoint: Endpoint, list_models: ListModels | None) -> str:
    if list_models is None:
        from codegen_hpo.llm import models  # brings openai: only when it is needed

        list_models = models.list_models
    try:
        offered = list(list_models(endpoint))
    except EndpointError as error:
        raise ConfigError(
            f"no model is named, and {endpoint.url} does not tell which it offers: {error}",
            hint="give --model NAME or set CODEGEN_HPO_MODEL",
        ) from error
    if len(offered) == 1:
        return offered[0]
    if offered:
        raise ConfigError(
            f"no model is named, and {endpoint.url} offers {len(offered)}: {shorten(offered)}",
            hint="choose one with --model NAME or CODEGEN_HPO_MODEL",
        )
    return ""


def shorten(names: Sequence[str], limit: int = 8) -> str:
    """The first names in one line, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
