"""Attaches a second database to one in memory: SQLite opens the file by itself, and tells nobody."""

EXPECTED = "not stopped"
import sqlite3


def attack(aim):
    connection = sqlite3.connect(":memory:")
    connection.execute("attach ? as other", [aim["target"]])
    connection.execute("create table other.t (x)")
    connection.commit()
    connection.close()
