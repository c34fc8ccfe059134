#!/bin/sh
# Root reads the secret, and everything else is done by the user postgres.
set -eu
data=/var/lib/postgresql/data
programs=/usr/lib/postgresql/15/bin
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
if [ ! -s "$data/PG_VERSION" ]; then
  password=$(mktemp)
  cp /run/secrets/database_password "$password"
  chown postgres "$password"
  as_postgres "$programs/initdb" --pgdata="$data" --username=glovebox --pwfile="$password" --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
  rm "$password"
  echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
  echo 'CREATE DATABASE glovebox' | as_postgres "$programs/postgres" --single -D "$data" postgres > /dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups "$programs/postgres" -D "$data" -c listen_addresses='*' -c max_connections=200
