"""The original design, reduced to what storing a sample takes."""

import sqlite3
import sys
from datetime import datetime, timezone

from flask import Flask, g, jsonify, request

app = Flask(__name__)


def database():
    if "database" not in g:
        g.database = sqlite3.connect(sys.argv[1], timeout=30)
        g.database.execute("PRAGMA synchronous=FULL")
    return g.database


@app.teardown_appcontext
def close(_):
    if "database" in g:
        g.database.close()


@app.get("/health")
def health():
    return jsonify(status="healthy")


@app.post("/api/telemetry")
def store():
    reading = request.get_json()
    time = datetime.fromtimestamp(reading["timestamp"] / 1000, timezone.utc).isoformat()
    rows = [(time, name, value) for name, value in reading["signals"].items()]
    with database() as connection:
        connection.executemany("INSERT INTO telemetry (timestamp, signal_name, value) VALUES (?, ?, ?)", rows)
    return jsonify(status="success")


with sqlite3.connect(sys.argv[1]) as connection:
    connection.executescript("""
        PRAGMA journal_mode=WAL;
        CREATE TABLE telemetry (
            id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, signal_name TEXT NOT NULL,
            value REAL NOT NULL, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
        CREATE INDEX by_time ON telemetry (timestamp);
        CREATE INDEX by_signal ON telemetry (signal_name, timestamp);
    """)
app.run("127.0.0.1", int(sys.argv[2]), threaded=True)
