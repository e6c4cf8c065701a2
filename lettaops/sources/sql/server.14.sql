-- Who we are here, what we may see, and how many sessions the server takes.
-- A setting that a version doesn't know is null (the second argument of current_setting).
select json_build_object(
  'version', current_setting('server_version_num')::int,
  'words', current_setting('server_version'),
  'database', current_database(),
  'role', current_user,
  'superuser', (select rolsuper from pg_roles where rolname = current_user),
  'sees_all', pg_has_role('pg_read_all_stats', 'usage'),
  'signals_all', pg_has_role('pg_signal_backend', 'usage'),
  'reads_tables', coalesce((
    select bool_and(has_table_privilege(c.oid, 'select') and has_schema_privilege(c.relnamespace, 'usage'))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and c.relname in ('agents', 'runs', 'steps', 'alembic_version')
      and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema'), true),
  'max_connections', current_setting('max_connections')::int,
  'superuser_reserved', current_setting('superuser_reserved_connections')::int,
  'reserved', current_setting('reserved_connections', true)::int,
  'tls', current_setting('ssl') = 'on'
)
