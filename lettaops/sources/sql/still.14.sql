-- Whether a process is still there, and whether that statement still runs in it.
select json_build_object('there', count(*) > 0, 'runs', coalesce(bool_or(
    state = 'active' and (extract(epoch from query_start) * 1000000)::bigint is not distinct from $3::bigint), false))
from pg_stat_activity
where pid = $1::int and (extract(epoch from backend_start) * 1000000)::bigint = $2::bigint
