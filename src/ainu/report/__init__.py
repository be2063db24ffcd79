"""The self-contained page of an experiment."""
