"""Who writes a candidate's source: a language model, or the cookbook that ships with the package."""
