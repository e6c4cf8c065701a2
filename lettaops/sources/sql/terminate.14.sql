-- End one process: that pid, started at that microsecond, and never ourselves.
select json_build_object('sent', (
  select pg_terminate_backend(pid) from pg_stat_activity
  where pid = $1::int and (extract(epoch from backend_start) * 1000000)::bigint = $2::bigint
    and pid <> pg_backend_pid()))
