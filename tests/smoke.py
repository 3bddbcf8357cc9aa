"""Start the installed twin from an empty folder and see that live data reach its pages.

Run by ``scripts/wheel`` with the path of an installed ``twin``; needs only the standard library.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def read(address: str) -> bytes:
    with urlopen(address, timeout=10) as answer:
        return answer.read()


def wait_until_stored(address: str, *, readings: int) -> int:
    """Readings stored according to /metrics, once there are enough of them."""
    deadline = time.monotonic() + 60
    stored = 0
    while time.monotonic() < deadline:
        lines = read(f"{address}metrics").decode().splitlines()
        found = [line for line in lines if re.match(r'twin_ingest_today\{.*fate="stored"', line)]
        stored = sum(int(float(line.rsplit(" ", 1)[1])) for line in found)
        if stored >= readings:
            return stored
        time.sleep(0.5)
    raise SystemExit(f"only {stored} readings stored after 60 s")


def check_templates(twin: str) -> None:
    """The templates of the decision paper came with the wheel."""
    code = "from dashboards.reports import page, typeset; typeset.template(); page._style()"
    subprocess.run([str(Path(twin).with_name("python")), "-c", code], check=True)


def main(twin: str) -> None:
    check_templates(twin)
    listen = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="twin-smoke-") as folder:
        environment = {**os.environ, "TWIN_DATA_DIR": f"{folder}/data", "TWIN_LISTEN": listen}
        process = subprocess.Popen(
            [twin, "demo"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            for line in process.stdout or ():
                print(line, end="")
                if f"http://{listen}/" in line:
                    break
            else:
                log = Path(folder, "data/log/twin.log")
                raise SystemExit(log.read_text() if log.exists() else "no log was written")
            stored = wait_until_stored(f"http://{listen}/", readings=400)
            tables = json.loads(read(f"http://{listen}/api/geo/bridges"))
            print(f"smoke: {stored} readings stored, {tables['n']} bridges on the map")
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(60)
    if code != 0:
        raise SystemExit(f"twin demo ended with code {code}")


if __name__ == "__main__":
    main(sys.argv[1])
