-- The tables of a Letta database (0.16.8), as far as lettaops reads them: names, types and indexes are Letta's,
-- columns that say nothing to an operator are left out. Run in a new database as its owner.

CREATE SCHEMA letta;
ALTER DATABASE letta SET search_path TO letta;
SET search_path TO letta;
CREATE EXTENSION vector WITH SCHEMA letta;
DROP SCHEMA public CASCADE;

CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('1c28e167b74f');

CREATE TABLE organizations (
    id varchar PRIMARY KEY,
    name varchar NOT NULL,
    privileged_tools boolean NOT NULL DEFAULT false,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);

CREATE TABLE users (
    id varchar PRIMARY KEY,
    name varchar NOT NULL,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);

CREATE TABLE agents (
    id varchar PRIMARY KEY,
    agent_type varchar,
    name varchar,
    description varchar,
    system varchar,
    message_ids json,
    metadata_ json,
    llm_config json,
    embedding_config json,
    tool_rules json,
    message_buffer_autoclear boolean NOT NULL DEFAULT false,
    enable_sleeptime boolean,
    last_run_completion timestamptz,
    last_run_duration_ms integer,
    last_stop_reason varchar,
    timezone varchar,
    hidden boolean,
    project_id varchar,
    organization_id varchar NOT NULL REFERENCES organizations (id),
    _created_by_id varchar,
    _last_updated_by_id varchar,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE INDEX ix_agents_created_at ON agents (created_at, id);
CREATE INDEX ix_agents_organization_id_created_by_id ON agents (organization_id, _created_by_id);

CREATE TABLE agents_tags (
    agent_id varchar NOT NULL REFERENCES agents (id),
    tag varchar NOT NULL,
    PRIMARY KEY (agent_id, tag)
);

CREATE TABLE block (
    id varchar PRIMARY KEY,
    label varchar NOT NULL,
    value varchar NOT NULL,
    "limit" integer NOT NULL DEFAULT 20000,
    description varchar,
    is_template boolean NOT NULL DEFAULT false,
    read_only boolean NOT NULL DEFAULT false,
    hidden boolean,
    metadata_ json,
    version integer NOT NULL DEFAULT 1,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false,
    CONSTRAINT unique_block_id_label UNIQUE (id, label)
);
CREATE INDEX created_at_label_idx ON block (created_at, label);

CREATE TABLE block_history (
    id varchar PRIMARY KEY,
    block_id varchar NOT NULL REFERENCES block (id) ON DELETE CASCADE,
    label varchar NOT NULL,
    value text NOT NULL,
    sequence_number integer NOT NULL,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now()
);

CREATE TABLE blocks_agents (
    agent_id varchar NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    block_id varchar NOT NULL,
    block_label varchar NOT NULL,
    PRIMARY KEY (agent_id, block_id, block_label),
    FOREIGN KEY (block_id, block_label) REFERENCES block (id, label)
);

CREATE TABLE conversations (
    id varchar PRIMARY KEY,
    agent_id varchar NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    summary varchar,
    last_message_at timestamptz,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE INDEX ix_conversations_agent_id ON conversations (agent_id);

CREATE TABLE runs (
    id varchar PRIMARY KEY,
    status varchar NOT NULL DEFAULT 'created',
    agent_id varchar NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    conversation_id varchar,
    background boolean,
    stop_reason varchar,
    metadata_ json,
    request_config json,
    callback_url varchar,
    callback_sent_at timestamp,
    callback_status_code integer,
    callback_error varchar,
    ttft_ns bigint,
    total_duration_ns bigint,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    completed_at timestamptz,
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE INDEX ix_runs_created_at ON runs (created_at, id);
CREATE INDEX ix_runs_agent_id ON runs (agent_id);

CREATE TABLE run_metrics (
    id varchar PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    agent_id varchar REFERENCES agents (id) ON DELETE CASCADE,
    run_start_ns bigint,
    run_ns bigint,
    num_steps integer,
    tools_used json,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now()
);

CREATE TABLE providers (
    id varchar PRIMARY KEY,
    name varchar NOT NULL,
    provider_type varchar,
    provider_category varchar,
    api_key varchar,
    api_key_enc text,
    base_url varchar,
    last_synced timestamptz,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);

CREATE TABLE provider_models (
    id varchar PRIMARY KEY,
    handle varchar NOT NULL,
    display_name varchar NOT NULL,
    name varchar NOT NULL,
    provider_id varchar NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    model_type varchar NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    model_endpoint_type varchar NOT NULL,
    max_context_window integer,
    supports_token_streaming boolean,
    supports_tool_calling boolean,
    embedding_dim integer,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);

CREATE TABLE steps (
    id varchar PRIMARY KEY,
    run_id varchar REFERENCES runs (id) ON DELETE SET NULL,
    agent_id varchar,
    provider_id varchar REFERENCES providers (id) ON DELETE SET NULL,
    provider_name varchar,
    model varchar,
    model_endpoint varchar,
    context_window_limit integer,
    completion_tokens integer NOT NULL DEFAULT 0,
    prompt_tokens integer NOT NULL DEFAULT 0,
    total_tokens integer NOT NULL DEFAULT 0,
    stop_reason varchar,
    status varchar,
    error_type varchar,
    error_data json,
    trace_id varchar,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE INDEX ix_steps_run_id ON steps (run_id);

CREATE TABLE step_metrics (
    id varchar PRIMARY KEY REFERENCES steps (id) ON DELETE CASCADE,
    run_id varchar,
    agent_id varchar,
    llm_request_ns bigint,
    tool_execution_ns bigint,
    step_ns bigint,
    created_at timestamptz DEFAULT now()
);

CREATE SEQUENCE messages_sequence_id_seq;
CREATE TABLE messages (
    id varchar PRIMARY KEY,
    role varchar NOT NULL,
    text varchar,
    content json,
    model varchar,
    name varchar,
    tool_calls json,
    tool_call_id varchar,
    step_id varchar REFERENCES steps (id) ON DELETE SET NULL,
    run_id varchar REFERENCES runs (id) ON DELETE SET NULL,
    otid varchar,
    tool_returns json,
    conversation_id varchar,
    is_err boolean,
    sequence_id bigint NOT NULL DEFAULT nextval('letta.messages_sequence_id_seq'),
    agent_id varchar NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    organization_id varchar NOT NULL REFERENCES organizations (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE INDEX ix_messages_agent_created_at ON messages (agent_id, created_at);
CREATE INDEX ix_messages_created_at ON messages (created_at, id);
CREATE INDEX ix_messages_agent_sequence ON messages (agent_id, sequence_id);
CREATE INDEX ix_messages_run_sequence ON messages (run_id, sequence_id);

CREATE TABLE conversation_messages (
    id varchar PRIMARY KEY,
    conversation_id varchar REFERENCES conversations (id) ON DELETE CASCADE,
    agent_id varchar NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    message_id varchar NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    position integer NOT NULL,
    in_context boolean NOT NULL DEFAULT true,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    CONSTRAINT unique_conversation_message UNIQUE (conversation_id, message_id)
);

CREATE TABLE jobs (
    id varchar PRIMARY KEY,
    status varchar NOT NULL DEFAULT 'created',
    job_type varchar NOT NULL DEFAULT 'job',
    stop_reason varchar,
    background boolean,
    metadata_ json,
    user_id varchar NOT NULL REFERENCES users (id),
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    completed_at timestamptz,
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE INDEX ix_jobs_user_id ON jobs (user_id);

CREATE TABLE archives (
    id varchar PRIMARY KEY,
    name varchar NOT NULL,
    description varchar,
    vector_db_provider varchar NOT NULL DEFAULT 'native',
    embedding_config json,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);

CREATE TABLE archives_agents (
    agent_id varchar NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    archive_id varchar NOT NULL REFERENCES archives (id) ON DELETE CASCADE,
    is_owner boolean NOT NULL DEFAULT false,
    created_at timestamptz DEFAULT now(),
    PRIMARY KEY (agent_id, archive_id),
    CONSTRAINT unique_agent_archive UNIQUE (agent_id)
);

CREATE TABLE archival_passages (
    id varchar PRIMARY KEY,
    text varchar NOT NULL,
    embedding_config json,
    metadata_ json NOT NULL,
    tags json,
    embedding vector(4096),
    archive_id varchar NOT NULL REFERENCES archives (id) ON DELETE CASCADE,
    organization_id varchar NOT NULL REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE INDEX ix_archival_passages_org_archive ON archival_passages (organization_id, archive_id);
CREATE INDEX archival_passages_created_at_id_idx ON archival_passages (created_at, id);

CREATE TABLE sources (
    id varchar PRIMARY KEY,
    name varchar NOT NULL,
    description varchar,
    instructions varchar,
    embedding_config json NOT NULL,
    metadata_ json,
    vector_db_provider varchar NOT NULL DEFAULT 'native',
    organization_id varchar NOT NULL REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false,
    CONSTRAINT uq_source_name_organization UNIQUE (name, organization_id)
);

CREATE TABLE files (
    id varchar PRIMARY KEY,
    file_name varchar,
    original_file_name varchar,
    file_type varchar,
    file_size integer,
    processing_status varchar NOT NULL DEFAULT 'completed',
    error_message text,
    total_chunks integer,
    chunks_embedded integer,
    source_id varchar NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE INDEX ix_files_processing_status ON files (processing_status);

CREATE TABLE file_contents (
    id varchar PRIMARY KEY,
    file_id varchar NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    text text NOT NULL,
    created_at timestamptz DEFAULT now(),
    CONSTRAINT uq_file_contents_file_id UNIQUE (file_id)
);

CREATE TABLE source_passages (
    id varchar PRIMARY KEY,
    text varchar NOT NULL,
    file_name varchar NOT NULL,
    embedding_config json,
    metadata_ json NOT NULL,
    tags json,
    embedding vector(4096),
    file_id varchar REFERENCES files (id) ON DELETE CASCADE,
    source_id varchar NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    organization_id varchar NOT NULL REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE INDEX source_passages_created_at_id_idx ON source_passages (created_at, id);
CREATE INDEX source_passages_file_id_idx ON source_passages (file_id);

CREATE TABLE tools (
    id varchar PRIMARY KEY,
    name varchar NOT NULL,
    tool_type varchar NOT NULL DEFAULT 'custom',
    description varchar,
    source_code varchar,
    json_schema json,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    is_deleted boolean NOT NULL DEFAULT false,
    CONSTRAINT uix_name_organization UNIQUE (name, organization_id)
);

CREATE TABLE provider_traces (
    id varchar PRIMARY KEY,
    request_json json NOT NULL,
    response_json json NOT NULL,
    step_id varchar,
    agent_id varchar,
    run_id varchar,
    call_type varchar,
    org_id varchar,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now()
);
CREATE INDEX ix_step_id ON provider_traces (step_id);

CREATE TABLE mcp_server (
    id varchar PRIMARY KEY,
    server_name varchar NOT NULL,
    server_type varchar NOT NULL,
    server_url varchar,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now()
);

CREATE TABLE llm_batch_job (
    id varchar PRIMARY KEY,
    status varchar NOT NULL DEFAULT 'created',
    llm_provider varchar NOT NULL,
    organization_id varchar REFERENCES organizations (id),
    created_at timestamptz DEFAULT now()
);
