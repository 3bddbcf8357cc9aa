#!/bin/sh
# Rebuilds dashboards/components/vendor and tests/e2e/vendor from the locked npm packages.
# For maintainers only: users, CI and the wheel need no npm. Same inputs give the same bytes.
#   build.sh           rebuild in place
#   build.sh --check   rebuild into a temporary folder and compare with what is committed
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
repository=$(CDPATH= cd -- "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$here/build.mjs" "$here"/twin-deck.js "$work/"
(cd "$work" && npm ci --no-progress >&2)
if [ "${1:-}" = "--check" ]; then
    (cd "$work" && node build.mjs "$work/out/vendor" "$work/out/tests")
    diff -r "$work/out/vendor" "$repository/dashboards/components/vendor"
    diff -r "$work/out/tests" "$repository/tests/e2e/vendor"
    echo "the committed bundles are what the lock file gives"
else
    (cd "$work" && node build.mjs "$repository/dashboards/components/vendor" "$repository/tests/e2e/vendor")
fi
