-- Checkpoints, by time and on demand.
select json_build_object(
  'reset', stats_reset::text,
  'checkpoints_timed', num_timed,
  'checkpoints_requested', num_requested)
from pg_stat_checkpointer
