"""Trackers that follow a run: a table of its trials, TensorBoard, MLflow."""
