"""Which localizations stay, and how good each sample is."""
