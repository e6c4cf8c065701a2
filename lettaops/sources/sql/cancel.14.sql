-- Cancel a statement: of that pid, started at that microsecond, the statement that began then, and never ours.
select json_build_object('sent', (
  select pg_cancel_backend(pid) from pg_stat_activity
  where pid = $1::int and (extract(epoch from backend_start) * 1000000)::bigint = $2::bigint
    and (extract(epoch from query_start) * 1000000)::bigint is not distinct from $3::bigint
    and pid <> pg_backend_pid()))
