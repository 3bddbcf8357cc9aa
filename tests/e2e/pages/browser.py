"""A real Chromium with software WebGL2, and what every page test watches."""

import math
import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from services import missing

FLAGS = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WORLD_PIXELS = 512


@contextmanager
def chromium() -> Iterator[Browser]:
    """The installed Chromium; skips without one, fails where ``CI`` is set."""
    path = os.environ.get("TWIN_CHROMIUM") or shutil.which("chromium")
    if path is None:
        missing("Chromium is not installed (TWIN_CHROMIUM names another one)")
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What a page did that it must not do."""

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.foreign.append(request.url)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def on_page_error(self, error: Exception) -> None:
        self.errors.append(str(error))


def watch(page: Page) -> Watch:
    """Watch a page from now on."""
    seen = Watch()
    page.on("request", seen.on_request)
    page.on("console", seen.on_console)
    page.on("pageerror", seen.on_page_error)
    return seen


def png_pixels(data: bytes) -> NDArray[np.uint8]:
    """Pixels of a PNG with 8 bits per channel, shape (height, width, channels)."""
    position, packed, header = 8, b"", b""
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        chunk = data[position + 8 : position + 8 + length]
        header = chunk if kind == b"IHDR" else header
        packed += chunk if kind == b"IDAT" else b""
        position += length + 12
    width, height, _depth, colour = struct.unpack_from(">IIBB", header)
    size = {2: 3, 6: 4}[colour]
    raw = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * size)
    rows = np.zeros((height + 1, width + 1, size), np.int64)
    for y in range(height):
        _unfilter(rows, y, int(raw[y, 0]), raw[y, 1:].reshape(width, size))
    return rows[1:, 1:].astype(np.uint8)


def _unfilter(rows: NDArray[np.int64], y: int, kind: int, line: NDArray[np.uint8]) -> None:
    # Row and column 0 of `rows` are the zeros that PNG assumes outside the picture.
    above, here = rows[y], rows[y + 1]
    if kind in (0, 2):
        here[1:] = (line + (above[1:] if kind == 2 else 0)) & 255
        return
    for x in range(line.shape[0]):
        left, up, corner = here[x], above[x + 1], above[x]
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            distances = np.abs(np.stack([up - corner, left - corner, left + up - 2 * corner]))
            guess = np.choose(np.argmin(distances, axis=0), [left, up, corner])
        here[x + 1] = (line[x] + guess) & 255


def colour_at(page: Page, x: float, y: float) -> tuple[int, int, int]:
    """Colour of one pixel of the window as it is drawn."""
    data = page.screenshot(clip={"x": round(x), "y": round(y), "width": 1, "height": 1})
    red, green, blue = png_pixels(data)[0, 0, :3]
    return int(red), int(green), int(blue)


def is_close(colour: tuple[int, int, int], wanted: tuple[int, int, int], by: int = 4) -> bool:
    """Whether two colours are equal up to rounding in the graphics."""
    return all(abs(a - b) <= by for a, b in zip(colour, wanted, strict=True))


def place_of(
    page: Page, selector: str, position: tuple[float, float], view: dict[str, float]
) -> tuple[float, float]:
    """Where a longitude and latitude lies in the window on a map without pitch and bearing."""
    box = page.locator(selector).bounding_box()
    assert box is not None

    def world(lon: float, lat: float) -> tuple[float, float]:
        scale = WORLD_PIXELS * 2 ** view["zoom"]
        y = math.asinh(math.tan(math.radians(lat)))
        return scale * (lon + 180) / 360, scale * (math.pi - y) / (2 * math.pi)

    centre = world(view["longitude"], view["latitude"])
    point = world(*position)
    return (
        box["x"] + box["width"] / 2 + point[0] - centre[0],
        box["y"] + box["height"] / 2 + point[1] - centre[1],
    )
