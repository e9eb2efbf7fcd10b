#!/bin/bash
# Postgres runs it once, for a new database: an owner, who migrates, and a role for relays, which owns nothing.
set -euo pipefail
# Passwords come by psql's variables from files, so that none is on a command line.
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname kartei <<'SQL'
\set owner `cat /run/secrets/owner_password`
\set relay `cat /run/secrets/relay_password`
CREATE ROLE kartei_owner LOGIN PASSWORD :'owner';
CREATE ROLE kartei_relay LOGIN PASSWORD :'relay';
ALTER DATABASE kartei OWNER TO kartei_owner;
SQL
