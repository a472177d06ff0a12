"""Metrics, baselines and held-out labels: the only place that sees them."""
