"""The command ``twin``: reads the settings once and runs one job.

Jobs are imported only when they run, so that ``twin --help`` answers at once.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast

from twin.errors import CityError, TwinError

if TYPE_CHECKING:
    from twin.settings import Settings

Job = Callable[["Settings", Sequence[str]], int]

BUILT_IN = {
    "demo": "run the built-in city with simulated sensors and print the browser address",
    "up": "run the twin: services, ingest, worker, web server; restart what fails",
    "load": "load a city folder into the database; loading again changes nothing",
    "check": "show the effective settings with their origins and every problem found",
    "migrate": "bring the database schema to this version",
}
JOB_HELP = {
    "ingest": "take over MQTT messages and store them",
    "work": "solve queued scenario runs",
    "whatif": "answer a scenario: twin whatif SCENARIO.json [--base NAME] [--here] [--json]",
    "measures": "what measures do to bridges and traffic: twin measures run SCENARIO.json",
    "paper": "the decision paper of a measures run: twin paper RUN [--lang de|en] [--out FILE]",
    "sweep": "answer many scenarios: twin sweep FILE... [--cluster ADDRESS] [--out FOLDER]",
    "estimate": "adjust the demand to the counts and store the base that scenarios start from",
    "detail": "simulate streets around a bridge with SUMO: twin detail ASSET [--scenario FILE]",
    "select": "who uses a bridge or a link, and from where to where: twin select ASSET",
    "bridge": "what is known of a bridge: twin bridge [NAME] [calibrate] [--now] [--json]",
    "traffic": "running traffic: twin traffic live | indicators ASSET | forecast ASSET",
    "warm": "compile the kernels of the traffic model once, at installation",
    "serve": "web server: map, pages, HTTP interface",
    "simulate": "publish the simulated sensors of the city over MQTT",
    "publish": "publish new observations over MQTT on the topics of SensorThings",
    "maintain": "rollups, retention, compression; --proof verifies what was deleted",
    "backup": "write a backup of the whole database into a folder: Parquet, GeoPackage, hashes",
    "restore": "restore a backup into an empty database",
    "export": "write the city for others: twin export city|gpkg|geojson|csv|parquet|cityjson|ngsi",
    "basemap": "roads, water and bridges as vector tiles: twin basemap FILE.pmtiles",
    "backfill": "ask the sources for what is missing, until it is there or lost",
    "quarantine": "what could not be stored: list, show, replay after a fix, discard",
    "inbox": "streams that nobody registered: twin inbox list | accept ID --asset A | dismiss ID",
    "broker": "make accounts for Mosquitto: twin broker init FOLDER --device NAME",
    "import": "bring in readings|tntp|bridges|osm|geo|gmns|sensors|citymodel, each with --help",
    "replay": "publish a recorded CSV file over MQTT; see twin replay --help",
}
ADDRESS_WAIT_S = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0, or 2 after an error that was explained."""
    parser = _parser()
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Behind the name of a job a request for help is one to the job.
    job_at = next((at for at, word in enumerate(given) if word in JOB_HELP), len(given))
    asks_job = [word for word in given[job_at:] if word in ("-h", "--help")]
    given[job_at:] = [word for word in given[job_at:] if word not in asks_job]
    options, rest = parser.parse_known_args(given)
    rest += asks_job
    if options.job is None:
        parser.print_help()
        return 2
    try:
        return _run(options, rest)
    except TwinError as error:
        print(f"twin {options.job}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    from twin.plugins import find  # noqa: PLC0415 - after the errors, before anything heavy

    installed = sorted(set(find("jobs")) - set(BUILT_IN))
    lines = [f"  {name:12}{text}" for name, text in BUILT_IN.items()]
    lines += [f"  {name:12}{JOB_HELP.get(name, find('jobs')[name].value)}" for name in installed]
    parser = argparse.ArgumentParser(
        prog="twin",
        description="Stadtzwilling, the urban digital twin for infrastructure monitoring.",
        epilog="jobs:\n" + "\n".join(lines) + "\n\nTWIN_CITY names the city folder by default.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("stadtzwilling"))
    parser.add_argument("--city", type=Path, help="city folder or city.toml")
    parser.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("job", nargs="?", choices=[*BUILT_IN, *installed], metavar="job")
    return parser


def _run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    from twin import journal  # noqa: PLC0415 - only for a job
    from twin.settings import load_settings  # noqa: PLC0415 - only for a job

    journal.install(options.job)
    if options.job == "load":
        return _load(options, rest)
    if options.job not in BUILT_IN:
        return _run_job(options, rest)
    if rest:
        raise TwinError(f"unknown argument {rest[0]!r}; see twin --help")
    folder = demo_city() if options.job == "demo" else city_folder(options.city)
    settings = load_settings(folder)
    if options.job == "check":
        return _check(settings)
    if options.job == "migrate":
        return _migrate(settings)
    return _up(settings, is_demo=options.job == "demo")


def city_folder(option: Path | None) -> Path:
    """The city folder: the option, else TWIN_CITY, else the present folder, else the demo."""
    if option is not None:
        return option
    if os.environ.get("TWIN_CITY"):
        return Path(os.environ["TWIN_CITY"])
    return Path() if Path("city.toml").exists() else demo_city()


def demo_city() -> Path:
    """Folder of the built-in city."""
    return Path(__file__).parent / "cities" / "dresden"


def _run_job(options: argparse.Namespace, rest: Sequence[str]) -> int:
    from twin.plugins import load  # noqa: PLC0415 - only for a job
    from twin.runtime import with_services  # noqa: PLC0415 - only for a job
    from twin.settings import load_settings, new_city  # noqa: PLC0415 - only for a job
    from twin.signals import stop_with_parent  # noqa: PLC0415 - only for a job

    if options.supervised:
        stop_with_parent()
    folder = city_folder(options.city)
    is_made = folder.is_file() or (folder / "city.toml").exists()
    if options.job == "import" and options.city is not None and not is_made:
        settings = new_city(folder)
    else:
        settings = with_services(load_settings(folder))
    return cast("Job", load("jobs", options.job))(settings, rest)


def _load(options: argparse.Namespace, rest: Sequence[str]) -> int:
    from twin.settings import load_settings  # noqa: PLC0415 - only for a job

    parser = argparse.ArgumentParser(prog="twin load", description=BUILT_IN["load"])
    parser.add_argument("folder", type=Path, nargs="?", help="city folder; default: --city")
    folder = parser.parse_args(rest).folder or city_folder(options.city)
    print(load_city(load_settings(folder)))
    return 0


def load_city(settings: "Settings") -> str:
    """Load the city folder of these settings; one line that says what changed."""
    from twin.exchange.folder import read_city  # noqa: PLC0415 - imports geopandas
    from twin.inventory import load_inventory  # noqa: PLC0415 - only for a job
    from twin.runtime import open_twin  # noqa: PLC0415 - only for a job

    city = read_city(settings.folder, settings.city)
    twin = open_twin(settings, role="owner")
    try:
        report = twin.load(city)
        inventory = load_inventory(twin, settings.folder, extent=settings.city.extent)
    finally:
        twin.close()
    said = (
        f"{city.name}: {len(city.assets)} assets, {len(city.datastreams)} datastreams "
        f"({report.added} rows added, {report.changed} changed, {report.unchanged} unchanged)"
    )
    return "; inventory: ".join([said, *inventory[:1]])


def load_apart(settings: "Settings") -> str:
    """Load the city in a process of its own: the supervisor stays small."""
    from twin.supervisor import environment  # noqa: PLC0415 - only for a job

    result = subprocess.run(
        [sys.executable, "-m", "twin.cli", "load"],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise CityError(result.stderr.strip())
    return result.stdout.strip()


def _migrate(settings: "Settings") -> int:
    from twin.runtime import database_dsn  # noqa: PLC0415 - only for a job
    from twin.store import migrate  # noqa: PLC0415 - only for a job

    applied = migrate(database_dsn(settings, "owner"), partition_days=settings.store.partition_days)
    print(f"applied: {', '.join(applied) if applied else 'nothing, the schema is up to date'}")
    return 0


def _check(settings: "Settings") -> int:
    from twin.plugins import find, load_all  # noqa: PLC0415 - only for a job
    from twin.runtime import described  # noqa: PLC0415 - only for a job

    for key, value, origin in described(settings):
        print(f"{key:32}{value:44}{origin}")
    checks, broken = load_all("checks")
    problems = [f"{plugin.group} {plugin.name}: {plugin.reason}" for plugin in broken]
    for name in checks:
        check = cast("Callable[[Settings], Sequence[str]]", checks[name])
        problems += [f"{name}: {problem}" for problem in check(settings)]
    jobs = ", ".join(sorted(find("jobs")))
    print(f"\ninstalled jobs: {jobs}\ninstalled codecs: {', '.join(sorted(find('codecs')))}")
    for problem in problems:
        print(f"problem: {problem}")
    print("no problem found" if not problems else f"{len(problems)} problems found")
    return 1 if problems else 0


def _up(settings: "Settings", *, is_demo: bool) -> int:
    from twin.signals import stop_on_signal  # noqa: PLC0415 - only for a job
    from twin.supervisor import JOBS, supervise  # noqa: PLC0415 - only for a job

    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:5.1f} s] {text}", flush=True)

    def prepare() -> None:
        say("database and broker are ready")
        say(load_apart(settings))

    def announce() -> None:
        address = f"http://{settings.dashboards.listen}/"
        if answers(address):
            say(f"open {address}  (Ctrl-C stops; log: {settings.data_dir}/log/twin.log)")
        else:
            say(f"no answer at {address} yet; see {settings.data_dir}/log/twin.log")

    def ready() -> None:
        threading.Thread(target=announce, name="announce", daemon=True).start()

    say(f"starting {settings.city.name} on {settings.data_dir}")
    jobs = (*JOBS, "simulate") if is_demo else JOBS
    if any(policy.backfill for policy in settings.source):
        jobs = (*jobs, "backfill")
    code = supervise(settings, jobs=jobs, stop=stop_on_signal(), prepare=prepare, ready=ready)
    say("stopped")
    return code


def answers(address: str) -> bool:
    """Whether the web server answers within a minute."""
    from urllib.error import URLError  # noqa: PLC0415 - only here
    from urllib.request import urlopen  # noqa: PLC0415 - only here

    deadline = time.monotonic() + ADDRESS_WAIT_S
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{address}healthz", timeout=2):  # noqa: S310 - our own address
                return True
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    return False


if __name__ == "__main__":
    sys.exit(main())
