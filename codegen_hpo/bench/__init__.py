"""Benchmarks that users can repeat: each prints what it measured side by side in one run."""
