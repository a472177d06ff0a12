"""Proposes calls of a function over its space; sees neither code nor data."""
