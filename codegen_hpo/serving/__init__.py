"""A run's model behind a small HTTP service. Needs the extra `serve`."""
