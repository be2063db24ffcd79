"""Localization files of every program."""
