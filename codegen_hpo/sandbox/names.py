"""The sandboxes by name."""

WALLS = ("docker", "bubblewrap", "landlock")  # the order in which `auto` tries them
NAMES = ("auto", *WALLS, "none")
