"""Rows a second of the training loop, beside those of other loops."""
