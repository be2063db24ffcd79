"""Networks: the catalogue of architectures, those of our own, and trained models as they lie on disk."""
