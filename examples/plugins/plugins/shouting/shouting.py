"""Does its work well enough, but for the log that it insists on: the application does not grant that."""

from subpool.plugin import export


@export
def shout(text: str) -> str:
    """The text in capitals."""
    with open("/var/log/shouting", "a", encoding="utf-8") as log:
        log.write(text)
    return text.upper()
