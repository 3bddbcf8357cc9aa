# Short names for the scripts; `just` comes with the development packages.
demo:
    scripts/demo
check:
    scripts/check
test *ARGUMENTS:
    scripts/test {{ARGUMENTS}}
bench AREA:
    scripts/bench {{AREA}}
lock:
    scripts/lock
wheel:
    scripts/wheel
