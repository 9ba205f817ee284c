#!/bin/sh
# Run once by the image of PostgreSQL, when its folder is empty: the role of the broker, which may log in and nothing else until it is granted more.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$(cat /run/secrets/broker)" -U postgres -d "$POSTGRES_DB" <<'SQL'
create role broker login password :'password';
SQL
