"""What many would write: stock paho, manual acknowledgement, executemany with ON CONFLICT.

``executemany.py HOST PORT USER PASSWORD_FILE DSN``; one batch is everything that arrived during the
previous commit, as ours.
"""

import json
import signal
import sys
import threading
from collections import deque
from pathlib import Path

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

MOST_ROWS = 20_000
INSERT = (
    b"INSERT INTO reading (t, v, ds, q) VALUES (%s::timestamptz, %s, %s, 0) ON CONFLICT DO NOTHING"
)


def main() -> None:
    host, port, user, password_file, dsn = sys.argv[1:]
    waiting: deque[mqtt.MQTTMessage] = deque()
    arrived = threading.Event()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def take(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        waiting.append(message)
        arrived.set()

    def subscribe(one: mqtt.Client, *_: object) -> None:
        one.subscribe("twin/v1/#", qos=1)

    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id="bench-executemany",
        clean_session=False,
        manual_ack=True,
    )
    client.username_pw_set(user, Path(password_file).read_text().strip())
    client.on_message = take
    client.on_connect = subscribe
    client.connect(host, int(port))
    client.loop_start()
    with psycopg.connect(dsn) as connection:
        while not stop.is_set():
            arrived.wait(0.5)
            arrived.clear()
            taken = [waiting.popleft() for _ in range(min(len(waiting), MOST_ROWS))]
            if not taken:
                continue
            if waiting:
                arrived.set()
            readings = [json.loads(message.payload) for message in taken]
            connection.cursor().executemany(
                INSERT, [(one["t"], one["v"], one["seq"]) for one in readings]
            )
            connection.commit()
            for message in taken:
                client.ack(message.mid, message.qos)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
