-- Checkpoints, by time and on demand. PostgreSQL 17 moved them to a view of their own.
select json_build_object(
  'reset', stats_reset::text,
  'checkpoints_timed', checkpoints_timed,
  'checkpoints_requested', checkpoints_req)
from pg_stat_bgwriter
