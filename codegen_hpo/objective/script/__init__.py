"""A training script of the user's own: its configuration, a scratch copy a trial, where it runs."""
