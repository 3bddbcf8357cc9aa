"""A small town with readings for tests of SensorThings."""

from dataclasses import replace

from town import Town, town

from twin.model.quality import Quality

ROOT = "http://twin.example/sensorthings/v1.1"
SECONDS = 250


def filled_town() -> Town:
    """A town with 250 readings of one datastream, a few of others, and one that is private."""
    plain = town()
    private = replace(
        plain.datastreams[0], uid="secret", route_key="secret", privacy_class="person"
    )
    full = Town(city=replace(plain, datastreams=(*plain.datastreams, private)))
    for second in range(SECONDS):
        full.record({"B1-strain": float(second)}, age_s=float(SECONDS - second))
    full.record({"L1.ab-q": 300.0, "L1.ab-v": 40.0, "secret": 1.0}, quality=int(Quality.LATE))
    full.record({"L1.ab-q": 360.0, "B1-temp": -2.5}, age_s=15.0)
    return full
