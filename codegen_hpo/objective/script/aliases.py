"""Values that a YAML file gives once and uses in several places."""

from collections.abc import Iterator
from typing import Any

import yaml


def aliased(text: str) -> dict[str, list[str]]:
    """For the name of each such value, the other names that take it, by an alias or a merge key.

    Whoever changes the value by hand changes all of them. The text is YAML that was read before.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        found: dict[int, list[str]] = {}
        for name, node in dict(_values(loader, root)).items():
            found.setdefault(id(node), []).append(name)
    finally:
        loader.dispose()
    return {first: others for first, *others in found.values() if others}


def _values(loader: yaml.SafeLoader, node: Any, prefix: str = "") -> Iterator[tuple[str, yaml.ScalarNode]]:
    """The node of each single value, by its name; the last one of a name counts."""
    if not isinstance(node, yaml.MappingNode):
        return
    loader.flatten_mapping(node)
    for key_node, value in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str) or "." in key:
            continue
        if isinstance(value, yaml.ScalarNode):
            yield prefix + key, value
        else:
            yield from _values(loader, value, f"{prefix}{key}.")
