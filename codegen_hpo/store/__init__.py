"""Runs on disk: the only writer of run directories."""
