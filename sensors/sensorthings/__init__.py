"""OGC SensorThings 1.1: the twin's assets, sensors and readings for other programs."""
