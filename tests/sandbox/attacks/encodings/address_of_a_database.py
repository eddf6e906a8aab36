"""Names a database by a URI, whose path the hook would have to find."""

EXPECTED = "refused"
import sqlite3


def attack(aim):
    return str(sqlite3.connect(f"file://{aim['target']}?mode=rwc", uri=True).execute("create table t (x)"))
