"""What trained networks say of nuclei: out of fold, of new samples, and how sure that is."""
