"""A value of a file or of the environment, as click takes it."""

from typing import Any

import click

from codegen_hpo.errors import ConfigError

Value = bool | str | list[str]  # a text is what one would type on the command line


def checked(value: Any, option: click.Option, where: str) -> Value:
    """A value of TOML as click takes it.

    Raises ConfigError, which says where it was, if the option does not take it, or not from there.
    """
    if not option.allow_from_autoenv:
        raise ConfigError(
            f"{where} is said on the command line only", hint="it takes a protection away: take it out"
        )
    typed = _typed(value, option, where)
    try:
        option.type_cast_value(click.Context(click.Command(None)), typed)
    except click.BadParameter as error:
        raise ConfigError(f"{where}: {error.message}") from error
    return typed


def _typed(value: Any, option: click.Option, where: str) -> Value:
    if option.is_flag:
        if isinstance(value, bool):
            return value
        raise ConfigError(f"{where} is true or false", hint="in a file without quotation marks")
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, bool | dict | list) for item in items):
        raise ConfigError(
            f"{where} takes another kind of value", hint="write a text, a number or a list of them"
        )
    texts = [str(item) for item in items]
    return texts if option.multiple else ",".join(texts)
