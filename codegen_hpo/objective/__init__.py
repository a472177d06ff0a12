"""Any objective over a space: what is measured, the search that measures it, the run that keeps it."""
