"""One module per program whose files are read."""
