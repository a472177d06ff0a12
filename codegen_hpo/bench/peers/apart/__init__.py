"""Runs one peer on one table. Stands alone: the interpreter that runs it need not have this project."""
