"""What each ingredient of the shipped functions and of the harness is worth."""
