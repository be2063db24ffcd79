"""What figures of several stages are drawn with."""
