"""Tables of localizations: read, aligned, stored and handed to other programs."""
