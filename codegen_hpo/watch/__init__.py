"""A run while it is going on: what its events tell of the present, and a page that shows it."""
