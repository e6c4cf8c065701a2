-- Counters of this database, and of the write-ahead log. Texts of times only tell whether they have changed.
select json_build_object(
  'database', (select row_to_json(d) from (
    select pg_postmaster_start_time()::text as started,
      stats_reset::text as reset,
      xact_commit as commits,
      xact_rollback as rollbacks,
      blks_read as blocks_read,
      blks_hit as blocks_hit,
      temp_files,
      temp_bytes,
      deadlocks,
      sessions,
      sessions_abandoned + sessions_fatal + sessions_killed as sessions_lost
    from pg_stat_database where datname = current_database()) d),
  'wal', (select row_to_json(w) from (
    select stats_reset::text as reset, wal_bytes from pg_stat_wal) w)
)
