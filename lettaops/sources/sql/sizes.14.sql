-- Tables that can be reached without a schema's name, as Letta reaches its own: the biggest two hundred.
with found as (
  select c.oid, n.nspname, c.relname, c.reltuples, c.reloptions,
    pg_total_relation_size(c.oid) as total,
    pg_table_size(c.oid) as heap,
    pg_indexes_size(c.oid) as indexes
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'm') and n.nspname = any (current_schemas(false))
)
select json_build_object(
  'database', case when has_database_privilege(current_database(), 'connect')
    then pg_database_size(current_database()) end,
  'count', (select count(*) from found),
  'tables', (select json_agg(json_build_object(
      'schema', f.nspname,
      'name', f.relname,
      'rows', f.reltuples::bigint,
      'total', f.total,
      'heap', f.heap,
      'indexes', f.indexes,
      'dead', s.n_dead_tup,
      'vacuumed_s', round(extract(epoch from clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum)), 0),
      'analyzed_s', round(extract(epoch from clock_timestamp() - greatest(s.last_analyze, s.last_autoanalyze)), 0),
      'options', to_json(f.reloptions)))
    from (select * from found order by total desc limit 200) f
    left join pg_stat_user_tables s on s.relid = f.oid),
  'vacuuming', json_build_object(
    'on', current_setting('autovacuum') = 'on',
    'threshold', current_setting('autovacuum_vacuum_threshold')::int,
    'scale', current_setting('autovacuum_vacuum_scale_factor')::float8,
    'cap', current_setting('autovacuum_vacuum_max_threshold', true)::int),
  'running', (select json_agg(json_build_object(
      'pid', pid,
      'table', case when datname = current_database() then relid::regclass::text else datname end,
      'phase', phase,
      'blocks', heap_blks_total,
      'scanned', heap_blks_scanned))
    from pg_stat_progress_vacuum)
)
