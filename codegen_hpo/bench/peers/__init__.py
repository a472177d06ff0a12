"""The shipped functions, tuned without a model, against what others use for tables."""
