-- What keeps old rows alive besides sessions, how far the counters may run, replicas and slots.
select json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'freeze_max_age', current_setting('autovacuum_freeze_max_age')::bigint,
  'multixact_freeze_max_age', current_setting('autovacuum_multixact_freeze_max_age')::bigint,
  'databases', (select json_agg(json_build_object(
      'name', datname, 'transactions', age(datfrozenxid), 'multixacts', mxid_age(datminmxid)))
    from pg_database),
  'prepared', (select count(*) from pg_prepared_xacts),
  'oldest_prepared_s', (select round(extract(epoch from clock_timestamp() - min(prepared)), 3)
    from pg_prepared_xacts),
  'holders', (select json_agg(json_build_object('kind', kind, 'name', name, 'transactions', transactions)) from (
    select 'prepared transaction' as kind, gid as name, age(transaction) as transactions
      from pg_prepared_xacts
    union all
    select 'slot', slot_name, greatest(age(xmin), age(catalog_xmin)) from pg_replication_slots
      where xmin is not null or catalog_xmin is not null
    union all
    select 'standby', application_name, age(backend_xmin) from pg_stat_replication
      where backend_xmin is not null) h),
  'standbys', (select json_agg(json_build_object(
      'name', application_name,
      'address', host(client_addr),
      'state', state,
      'sync', sync_state,
      'behind_bytes', case when not pg_is_in_recovery()
        then pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) end,
      'lag_s', round(extract(epoch from replay_lag), 3)))
    from pg_stat_replication),
  'slots', (select json_agg(json_build_object(
      'name', slot_name,
      'kind', slot_type,
      'active', active,
      'status', wal_status,
      'kept_bytes', case when not pg_is_in_recovery()
        then pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) end))
    from pg_replication_slots)
)
