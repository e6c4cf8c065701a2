#!/bin/bash
# The part of the postgres image's entrypoint that Letta's compose file relies on: the
# POSTGRES_* variables, PGDATA, and the scripts in /docker-entrypoint-initdb.d.
set -euo pipefail

[ "${1:-}" = postgres ] || exec "$@"
shift

sockets=/var/run/postgresql
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }

mkdir -p "$PGDATA" "$sockets"
chown -R postgres:postgres "$PGDATA" "$sockets"
chmod 700 "$PGDATA"

initialise() {
  local user=${POSTGRES_USER:-postgres} secret
  local database=${POSTGRES_DB:-$user}
  if [ -z "${POSTGRES_PASSWORD:-}" ]; then
    echo "Error: Database is uninitialized and superuser password is not specified." >&2
    exit 1
  fi
  # A file owned by postgres: under setpriv, root's file descriptors cannot be reopened.
  secret=$(mktemp)
  chown postgres "$secret"
  printf '%s\n' "$POSTGRES_PASSWORD" > "$secret"
  as_postgres initdb -D "$PGDATA" -U "$user" -E UTF8 --locale=C.UTF-8 \
    --auth-local=trust --auth-host=scram-sha-256 --pwfile="$secret"
  rm -f "$secret"
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"

  as_postgres pg_ctl -D "$PGDATA" -w -o "-c listen_addresses= -c unix_socket_directories=$sockets" start
  local psql=(psql -v ON_ERROR_STOP=1 -h "$sockets" -U "$user")
  [ "$database" = postgres ] || "${psql[@]}" -d postgres -c "CREATE DATABASE \"$database\""
  local script
  for script in /docker-entrypoint-initdb.d/*; do
    case $script in
      *.sh) echo "$0: sourcing $script"; . "$script" ;;
      *.sql) echo "$0: running $script"; "${psql[@]}" -d "$database" -f "$script" ;;
    esac
  done
  as_postgres pg_ctl -D "$PGDATA" -w -m fast stop
  printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

[ -s "$PGDATA/PG_VERSION" ] || initialise

# This build's clients look for the socket in /tmp, the real image's in /var/run/postgresql.
exec setpriv --reuid=postgres --regid=postgres --init-groups \
  postgres -D "$PGDATA" -c listen_addresses='*' -c "unix_socket_directories=$sockets,/tmp" "$@"
