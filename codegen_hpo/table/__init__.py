"""File to table, profile, split and encoding."""
