"""A plugin of subpool's own: tells of any module whether it loads in a sandbox."""

from subpool.plugin import export


@export
def problem(module: str, name: str) -> str:
    """Why this import does not work; empty if it does."""
    from importlib import import_module

    try:
        loaded = import_module(module)
        if name and not hasattr(loaded, name):
            import_module(f"{module}.{name}")
    except BaseException as error:  # noqa: BLE001 - whatever a module raises as it is loaded is told
        return f"{module} does not load: {type(error).__name__}: {getattr(error, 'message', '') or error}"
    return ""
