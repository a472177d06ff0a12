"""What scripts leave of their numbers, read as rows: files of several formats, and what they print."""
