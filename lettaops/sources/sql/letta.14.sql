-- Letta's own rows. Each count goes by an index, or gives way to the planner's estimate where a table is big.
select json_build_object(
  'alembic', (select json_agg(version_num) from alembic_version),
  'estimated', (select reltuples > 100000 from pg_class where oid = 'agents'::regclass),
  'agents', case when (select reltuples > 100000 from pg_class where oid = 'agents'::regclass)
    then (select reltuples::bigint from pg_class where oid = 'agents'::regclass)
    else (select count(*) from agents where not is_deleted) end,
  'runs', (select json_build_object(
      'active', count(*) filter (where active),
      'waiting', count(*) filter (where not active),
      'stuck', count(*) filter (where active and last_sign < clock_timestamp() - interval '900 seconds'),
      'oldest_s', round(extract(epoch from clock_timestamp() - min(created_at) filter (where active)), 0))
    from (
      select r.created_at, r.status in ('created', 'running') as active,
        greatest(r.created_at, (select max(s.created_at) from steps s where s.run_id = r.id)) as last_sign
      from runs r
      where r.created_at > clock_timestamp() - interval '7 days' and not r.is_deleted
        and (r.status in ('created', 'running')
          or (r.status = 'completed' and r.stop_reason = 'requires_approval'
            and not exists (select from runs n where n.agent_id = r.agent_id and n.created_at > r.created_at)))
    ) u),
  'tokens_hour', (select coalesce(sum(s.total_tokens), 0) from runs r join steps s on s.run_id = r.id
    where r.created_at > clock_timestamp() - interval '1 hour')
)
