"""Requests to a language model and their replies: the only network of the package."""
