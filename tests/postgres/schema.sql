-- The tables of Letta's that lettaops reads, with the columns it needs, as `init.sql` and the migrations make them.
create schema letta;
alter database letta set search_path to letta;
set search_path to letta;
create table alembic_version (version_num varchar(32) primary key);
create table agents (id varchar primary key, name varchar, is_deleted boolean not null default false);
create table runs (
  id varchar primary key, agent_id varchar not null, status varchar not null, stop_reason varchar,
  created_at timestamptz default now(), is_deleted boolean not null default false);
create index ix_runs_created_at on runs (created_at, id);
create index ix_runs_agent_id on runs (agent_id);
create table steps (
  id varchar primary key, run_id varchar, total_tokens int not null default 0, created_at timestamptz default now());
create index ix_steps_run_id on steps (run_id);
create table provider_traces (id varchar primary key, request_json json, response_json json);
create table messages (id varchar primary key, text varchar);
insert into alembic_version values ('1c28e167b74f');
insert into agents select 'agent-' || n, 'one ' || n from generate_series(1, 3) n;
