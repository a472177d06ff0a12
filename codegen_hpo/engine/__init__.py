"""The loop that joins author, contract, sandbox, tuner, scoring and store."""
