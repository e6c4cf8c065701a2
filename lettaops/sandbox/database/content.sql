-- A plausible few weeks of use: 14 agents, about 3000 messages with their runs, steps and traces, and passages with
-- vectors. The same every time but for the clock, and for the vectors' numbers.

SET search_path TO letta;
SET session_replication_role TO replica;  -- what is put in here fits together: not checked row by row

CREATE FUNCTION pg_temp.made(kind text, number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT kind || '-' || md5('sandbox ' || kind || number)::uuid $$;

-- 1536 numbers of an embedding, padded with zeros to the width of Letta's column
CREATE FUNCTION pg_temp.embedded() RETURNS letta.vector LANGUAGE sql VOLATILE AS
    $$ SELECT (array_agg((random() * 2 - 1)::real) || array_fill(0::real, ARRAY[2560]))::letta.vector(4096)
       FROM generate_series(1, 1536) $$;

CREATE TEMP TABLE settings AS SELECT
    'org-00000000-0000-4000-8000-000000000000'::text AS organization,
    '{"model": "letta-free", "model_endpoint_type": "openai", "context_window": 30000, "handle": "letta/letta-free"}'::json
        AS llm,
    '{"embedding_model": "letta-free", "embedding_endpoint_type": "openai", "embedding_dim": 1536}'::json AS embedding;

INSERT INTO organizations (id, name) SELECT organization, 'default_org' FROM settings;
INSERT INTO users (id, name, organization_id)
    SELECT 'user-00000000-0000-4000-8000-000000000000', 'default_user', organization FROM settings;

INSERT INTO providers (id, name, provider_type, provider_category, base_url, last_synced, organization_id)
    SELECT pg_temp.made('provider', number), name, name, 'base', url, now(), NULL
    FROM (VALUES (1, 'letta', 'https://inference.invalid/v1'), (2, 'openai', 'https://models.invalid/v1'))
        AS each (number, name, url);
INSERT INTO provider_models (id, handle, display_name, name, provider_id, model_type, model_endpoint_type,
        max_context_window, supports_token_streaming, supports_tool_calling, embedding_dim)
    SELECT pg_temp.made('model', number), handle, name, name, pg_temp.made('provider', provider), type, 'openai',
        room, type = 'llm', type = 'llm', dimensions
    FROM (VALUES
        (1, 'letta/letta-free', 'letta-free', 1, 'llm', 30000, NULL),
        (2, 'openai/gpt-4o-mini', 'gpt-4o-mini', 2, 'llm', 128000, NULL),
        (3, 'letta/letta-free', 'letta-free', 1, 'embedding', 8192, 1536)
    ) AS each (number, handle, name, provider, type, room, dimensions);

INSERT INTO tools (id, name, tool_type, description, json_schema, organization_id)
    SELECT pg_temp.made('tool', number), name, 'letta_core', 'a tool of the sandbox', '{}', organization
    FROM settings, unnest(ARRAY['send_message', 'conversation_search', 'archival_memory_insert',
        'archival_memory_search', 'core_memory_append', 'core_memory_replace', 'memory', 'memory_insert',
        'memory_replace', 'web_search', 'fetch_webpage', 'run_code', 'open_files', 'grep_files'])
        WITH ORDINALITY AS each (name, number);

INSERT INTO agents (id, agent_type, name, description, system, message_ids, metadata_, llm_config, embedding_config,
        tool_rules, enable_sleeptime, last_stop_reason, timezone, organization_id, _created_by_id, created_at, updated_at)
    SELECT pg_temp.made('agent', number), 'letta_v1_agent', name, 'an agent of the sandbox',
        'You are ' || name || '. ' || repeat('Keep what matters in your memory, and say when you are not sure. ', 40),
        '[]', '{}', llm, embedding, '[]', false, 'end_turn', 'UTC', organization,
        'user-00000000-0000-4000-8000-000000000000',
        now() - interval '1 day' * (30 - number), now() - interval '1 hour' * number
    FROM settings, unnest(ARRAY['ada', 'support-desk', 'librarian', 'travel-planner', 'release-notes', 'tutor',
        'house-keeper', 'chef', 'on-call', 'translator', 'gardener', 'archivist', 'interviewer', 'night-owl'])
        WITH ORDINALITY AS each (name, number);
INSERT INTO agents_tags (agent_id, tag)
    SELECT pg_temp.made('agent', number), CASE number % 3 WHEN 0 THEN 'production' WHEN 1 THEN 'team' ELSE 'trial' END
    FROM generate_series(1, 14) AS number;

INSERT INTO block (id, label, value, description, metadata_, organization_id)
    SELECT pg_temp.made('block', agent * 2 + part), label, label || ' of agent ' || agent || ': ' || repeat('note ', 60),
        'what the agent knows of its ' || label, '{}', organization
    FROM settings, generate_series(1, 14) AS agent, (VALUES (0, 'persona'), (1, 'human')) AS each (part, label);
INSERT INTO blocks_agents (agent_id, block_id, block_label)
    SELECT pg_temp.made('agent', agent), pg_temp.made('block', agent * 2 + part), label
    FROM generate_series(1, 14) AS agent, (VALUES (0, 'persona'), (1, 'human')) AS each (part, label);
INSERT INTO block_history (id, block_id, label, value, sequence_number, organization_id)
    SELECT pg_temp.made('block_hist', number), pg_temp.made('block', 2 + number % 28), 'persona', repeat('note ', 50),
        number, organization
    FROM settings, generate_series(1, 60) AS number;

INSERT INTO conversations (id, agent_id, summary, last_message_at, organization_id)
    SELECT pg_temp.made('conv', number), pg_temp.made('agent', 1 + number % 14), 'conversation ' || number,
        now() - interval '1 hour' * number, organization
    FROM settings, generate_series(1, 40) AS number;

-- One run in thirty failed, and one in forty was cancelled.
INSERT INTO runs (id, status, agent_id, conversation_id, background, stop_reason, metadata_, ttft_ns,
        total_duration_ns, organization_id, created_at, updated_at, completed_at)
    SELECT pg_temp.made('run', number), status, pg_temp.made('agent', 1 + number % 14),
        CASE WHEN number % 4 = 0 THEN pg_temp.made('conv', 1 + number % 40) END, number % 5 = 0,
        CASE status WHEN 'failed' THEN 'llm_api_error' WHEN 'cancelled' THEN 'cancelled' ELSE 'end_turn' END,
        CASE status WHEN 'failed' THEN '{"error": {"type": "llm_error", "message": "the model did not answer"}}'
            ELSE '{}' END::json,
        300000000::bigint + number * 31 % 900 * 1000000, 1200000000 + number * 17 % 4000 * 1000000::bigint, organization, began, began,
        began + interval '1 millisecond' * (1200 + number * 17 % 4000)
    FROM settings, (
        SELECT number, now() - interval '1 minute' * (number * 32) AS began,
            CASE WHEN number % 30 = 7 THEN 'failed' WHEN number % 40 = 11 THEN 'cancelled' ELSE 'completed' END AS status
        FROM generate_series(1, 750) AS number
    ) AS each;
INSERT INTO run_metrics (id, agent_id, run_start_ns, run_ns, num_steps, tools_used, organization_id)
    SELECT id, agent_id, extract(epoch FROM created_at)::bigint * 1000000000, total_duration_ns, 1, '["send_message"]',
        organization_id
    FROM runs;

INSERT INTO steps (id, run_id, agent_id, provider_id, provider_name, model, model_endpoint, context_window_limit,
        completion_tokens, prompt_tokens, total_tokens, stop_reason, status, organization_id, created_at, updated_at)
    SELECT pg_temp.made('step', number), pg_temp.made('run', number), pg_temp.made('agent', 1 + number % 14),
        pg_temp.made('provider', 1), 'letta', 'letta-free', 'https://inference.invalid/v1', 30000,
        40 + number * 7 % 300, 900 + number * 13 % 4000, 940 + number * 7 % 300 + number * 13 % 4000, runs.stop_reason,
        CASE runs.status WHEN 'failed' THEN 'failed' ELSE 'success' END, organization_id, created_at, completed_at
    FROM generate_series(1, 750) AS number JOIN runs ON runs.id = pg_temp.made('run', number);
INSERT INTO step_metrics (id, run_id, agent_id, llm_request_ns, tool_execution_ns, step_ns)
    SELECT id, run_id, agent_id, 900000000, 40000000, 1000000000 FROM steps;

-- Four messages a run: what was asked, the call of a tool, what it returned, the answer.
INSERT INTO messages (id, role, text, content, model, tool_calls, step_id, run_id, tool_returns, agent_id,
        organization_id, created_at, updated_at)
    SELECT pg_temp.made('message', number * 4 + part), role, NULL,
        json_build_array(json_build_object('type', 'text', 'text',
            role || ' message ' || number || ': ' || repeat('a few words of talk ', 4 + (number * part) % 20))),
        CASE role WHEN 'assistant' THEN 'letta-free' END, '[]', pg_temp.made('step', number), pg_temp.made('run', number),
        '[]', pg_temp.made('agent', 1 + number % 14), organization,
        now() - interval '1 minute' * (number * 32) + interval '200 milliseconds' * part, now()
    FROM settings, generate_series(1, 750) AS number,
        (VALUES (0, 'user'), (1, 'assistant'), (2, 'tool'), (3, 'assistant')) AS each (part, role);
INSERT INTO messages (id, role, content, tool_calls, tool_returns, agent_id, organization_id, created_at)
    SELECT pg_temp.made('message', 1000000 + number), 'system',
        json_build_array(json_build_object('type', 'text', 'text', agents.system)), '[]', '[]', agents.id,
        organization_id, created_at
    FROM generate_series(1, 14) AS number JOIN agents ON agents.id = pg_temp.made('agent', number);
UPDATE agents SET message_ids = kept.ids FROM (
    SELECT agent_id, json_agg(id ORDER BY created_at) AS ids
    FROM (SELECT agent_id, id, created_at, row_number() OVER (PARTITION BY agent_id ORDER BY created_at DESC) AS rank
        FROM messages) AS ranked
    WHERE rank <= 12 GROUP BY agent_id
) AS kept WHERE kept.agent_id = agents.id;
INSERT INTO conversation_messages (id, conversation_id, agent_id, message_id, position, organization_id)
    SELECT pg_temp.made('conv_msg', row_number() OVER ()), runs.conversation_id, messages.agent_id, messages.id,
        row_number() OVER (PARTITION BY runs.conversation_id ORDER BY messages.created_at), messages.organization_id
    FROM messages JOIN runs ON runs.id = messages.run_id WHERE runs.conversation_id IS NOT NULL;

INSERT INTO provider_traces (id, request_json, response_json, step_id, agent_id, run_id, call_type, org_id,
        organization_id, created_at)
    SELECT pg_temp.made('provider_trace', number),
        json_build_object('model', 'letta-free', 'messages', json_build_array(repeat('prompt ', 200))),
        json_build_object('choices', json_build_array(repeat('answer ', 40))),
        pg_temp.made('step', number), pg_temp.made('agent', 1 + number % 14), pg_temp.made('run', number), 'agent_step',
        organization, organization, now() - interval '1 minute' * (number * 32)
    FROM settings, generate_series(1, 750) AS number;

INSERT INTO jobs (id, status, job_type, metadata_, user_id, organization_id, created_at, completed_at)
    SELECT pg_temp.made('job', number), 'completed', 'job', '{}', 'user-00000000-0000-4000-8000-000000000000',
        organization, now() - interval '1 hour' * number, now() - interval '1 hour' * number + interval '20 seconds'
    FROM settings, generate_series(1, 25) AS number;

INSERT INTO archives (id, name, embedding_config, organization_id)
    SELECT pg_temp.made('archive', number), 'archive of agent ' || number, embedding, organization
    FROM settings, generate_series(1, 6) AS number;
INSERT INTO archives_agents (agent_id, archive_id, is_owner)
    SELECT pg_temp.made('agent', number), pg_temp.made('archive', number), true FROM generate_series(1, 6) AS number;
INSERT INTO archival_passages (id, text, embedding_config, metadata_, tags, embedding, archive_id, organization_id,
        created_at)
    SELECT pg_temp.made('passage', number), 'passage ' || number || ': ' || repeat('something worth keeping ', 12),
        embedding, '{}', '[]', pg_temp.embedded(), pg_temp.made('archive', 1 + number % 6), organization,
        now() - interval '1 hour' * number
    FROM settings, generate_series(1, 160) AS number;

INSERT INTO sources (id, name, description, embedding_config, organization_id)
    SELECT pg_temp.made('source', number), 'folder ' || number, 'documents of the sandbox', embedding, organization
    FROM settings, generate_series(1, 2) AS number;
INSERT INTO files (id, file_name, original_file_name, file_type, file_size, total_chunks, chunks_embedded, source_id,
        organization_id)
    SELECT pg_temp.made('file', number), 'document_' || number || '.md', 'document_' || number || '.md', 'text/markdown',
        6000 + number * 100, 20, 20, pg_temp.made('source', 1 + number % 2), organization
    FROM settings, generate_series(1, 6) AS number;
INSERT INTO file_contents (id, file_id, text)
    SELECT pg_temp.made('file_content', number), pg_temp.made('file', number), repeat('a line of a document. ', 300)
    FROM generate_series(1, 6) AS number;
INSERT INTO source_passages (id, text, file_name, embedding_config, metadata_, tags, embedding, file_id, source_id,
        organization_id)
    SELECT pg_temp.made('source_passage', number), 'chunk ' || number || ': ' || repeat('a line of a document. ', 12),
        'document_' || file || '.md', embedding, '{}', '[]', pg_temp.embedded(), pg_temp.made('file', file),
        pg_temp.made('source', 1 + file % 2), organization
    FROM settings, generate_series(1, 80) AS number, LATERAL (SELECT 1 + number % 6 AS file) AS which;

VACUUM ANALYZE;
