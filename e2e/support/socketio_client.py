"""A client of python-socketio: prints each event as a line of JSON, and connects again when the server comes back.

socketio_client.py URL TRANSPORT...
"""

import json
import sys
import threading

import socketio

client = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.1)


# Events are handled by threads of their own: a line must be written at once.
lock = threading.Lock()


def show(event):
    def handle(*data):
        with lock:
            print(json.dumps([event, *data]), flush=True)

    return handle


for event in ("connect", "connection_response", "telemetry_update"):
    client.on(event, show(event))

client.connect(sys.argv[1], transports=sys.argv[2:] or None)
# What a client sends is ignored, and must not end its session.
client.emit("hello", {"from": "python"})
client.wait()
