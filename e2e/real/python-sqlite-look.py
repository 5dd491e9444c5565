"""Looks at the database from outside: prints the rows that are committed, and whether somebody holds the write lock."""
import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
rows = connection.execute("select count(*) from t").fetchone()[0]
sound = connection.execute("pragma integrity_check").fetchone()[0]
try:
    connection.execute("begin immediate")
    locked = 0
except sqlite3.OperationalError:
    locked = 1
print(f"rows {rows} locked {locked} {sound}")
