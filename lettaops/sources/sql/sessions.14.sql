-- Every process, with those it waits for. pg_blocking_pids stops the lock manager for a moment, so it is asked
-- only where somebody waits for a lock. Texts of a database in another encoding would not be valid here.
select coalesce(json_agg(row_to_json(s)), '[]') from (
  select a.pid,
    (extract(epoch from a.backend_start) * 1000000)::bigint as started_us,
    (extract(epoch from a.query_start) * 1000000)::bigint as statement_us,
    a.leader_pid,
    a.datname,
    a.usename,
    a.application_name,
    host(a.client_addr) as client_addr,
    a.backend_type,
    a.state,
    a.wait_event_type,
    a.wait_event,
    round(extract(epoch from clock_timestamp() - a.backend_start), 3) as age_s,
    round(extract(epoch from clock_timestamp() - a.xact_start), 3) as transaction_s,
    round(extract(epoch from clock_timestamp() - a.query_start), 3) as query_s,
    round(extract(epoch from clock_timestamp() - a.state_change), 3) as state_s,
    age(a.backend_xmin) as xmin_age,
    case when a.wait_event_type = 'Lock' then pg_blocking_pids(a.pid) end as blocked_by,
    case when a.application_name = 'lettaops' then ''
         when d.encoding is distinct from o.encoding then '(a text in another encoding)'
         else left(a.query, 2000) end as query
  from pg_stat_activity a
  left join pg_database d on d.oid = a.datid
  cross join (select encoding from pg_database where datname = current_database()) o
) s
