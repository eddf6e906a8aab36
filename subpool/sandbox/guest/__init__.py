"""What runs inside a plugin's interpreter: the standard library alone, and as little of it as can be."""
