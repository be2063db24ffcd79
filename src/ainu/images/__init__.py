"""From localizations to what a network sees."""
