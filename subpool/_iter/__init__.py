"""Parallel iterators: what to go over, what to do with each item, how to divide the work, and what to make of it."""
