#!/bin/sh
# Run once by the database container: the roles of the jobs; twin_owner gets the database.
set -eu
password=$(cat /run/secrets/database)
for role in owner keep ingest work serve; do
  psql -v ON_ERROR_STOP=1 -U postgres -d twin -v name="twin_$role" -v password="$password" <<'END'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
END
done
psql -v ON_ERROR_STOP=1 -U postgres -d twin -c 'ALTER DATABASE twin OWNER TO twin_owner'
