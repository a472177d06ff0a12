"""Where generated code runs: the only processes of the package."""
