"""Another module that needs the same refusing one, and wraps the refusal in an error of its own."""

# pyright: reportUnusedImport=false

try:
    import tracemalloc  # noqa: F401
except ImportError as error:
    raise ImportError("please read this for advice") from error
