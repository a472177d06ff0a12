"""A run as one HTML file, as a reader finds it: read once, never written; no script, no request."""
