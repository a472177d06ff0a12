"""Trials on the machines of a Ray cluster, each behind that machine's own sandbox."""
