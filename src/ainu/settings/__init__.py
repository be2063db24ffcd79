"""What the user asked for: config and sample sheet, checked, typed, and planned."""
