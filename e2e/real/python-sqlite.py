"""A python program with threads and an open SQLite transaction, steered by files.

argv: the database. For each file `ask-N` that appears in the working directory (its text: add, commit, rollback or quit) it does
that, and says `answer N ...`. Two threads count all the while, one of them asleep in a queue most of the time.
"""
import os
import queue
import sqlite3
import sys
import threading
import time

database = sys.argv[1]
connection = sqlite3.connect(database, isolation_level=None)
connection.execute("create table t (n integer primary key, text text)")
connection.execute("begin immediate")

counted = [0, 0]
lock = threading.Lock()
work: "queue.Queue[int]" = queue.Queue()


def count():
    while True:
        with lock:
            counted[0] += 1
        time.sleep(0.002)


def consume():
    while True:
        counted[1] += work.get()


for target in (count, consume):
    threading.Thread(target=target, daemon=True).start()

print("ready", flush=True)
ask = 0
while True:
    path = f"ask-{ask}"
    if not os.path.exists(path):
        time.sleep(0.003)
        continue
    with open(path) as file:
        order = file.read()
    if order == "":
        continue  # being written
    work.put(1)
    if order == "add":
        connection.execute("insert into t (text) values (?)", (f"row {ask} " + "x" * 3000,))
    elif order == "commit":
        connection.execute("commit")
        connection.execute("begin immediate")
    elif order == "rollback":
        connection.execute("rollback")
        connection.execute("begin immediate")
    rows = connection.execute("select count(*) from t").fetchone()[0]
    print(f"answer {ask} rows {rows} in_transaction {int(connection.in_transaction)} counted {counted[0]} consumed {counted[1]}", flush=True)
    ask += 1
    if order == "quit":
        break
