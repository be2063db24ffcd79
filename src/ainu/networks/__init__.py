"""Network architectures, and trained models on disk."""
