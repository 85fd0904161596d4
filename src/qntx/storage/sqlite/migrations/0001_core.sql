-- Jobs, schedules, executions, attempts and the lines they said.
-- Times are RFC 3339 in UTC with six decimals, so that text order is time order;
-- only log lines, of which there are many, keep them as integers (microseconds).

CREATE TABLE async_ix_jobs (
    id                TEXT PRIMARY KEY,
    source            TEXT NOT NULL,
    status            TEXT NOT NULL CHECK (status IN
                      ('queued', 'running', 'paused', 'completed', 'failed', 'cancelled')),
    progress_current  INTEGER NOT NULL DEFAULT 0,
    progress_total    INTEGER NOT NULL DEFAULT 0,
    cost_estimate     REAL NOT NULL DEFAULT 0.0,
    cost_actual       REAL NOT NULL DEFAULT 0.0,
    pulse_state       TEXT,               -- JSON: why a gate or a person holds the job
    error             TEXT,
    error_details     TEXT,               -- JSON array of strings
    parent_job_id     TEXT,
    retry_count       INTEGER NOT NULL DEFAULT 0,
    handler_name      TEXT NOT NULL,
    payload           TEXT,               -- JSON owned by the handler
    plugin_version    TEXT NOT NULL DEFAULT '',
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL,
    started_at        TEXT,
    completed_at      TEXT,
    -- beyond upstream
    result            TEXT,               -- JSON returned by the handler
    error_type        TEXT,
    error_stage       TEXT,
    attempt           INTEGER NOT NULL DEFAULT 0,   -- the newest attempt; 0 before the first
    max_attempts      INTEGER NOT NULL DEFAULT 1,
    priority          INTEGER NOT NULL DEFAULT 0,   -- higher first
    next_attempt_at   TEXT,               -- not before this time; NULL: now
    idempotency_key   TEXT,
    execution_id      TEXT,
    stop_request      TEXT CHECK (stop_request IN ('cancel', 'pause')),
    checkpoint        TEXT,               -- JSON: what the next attempt resumes from
    crash_count       INTEGER NOT NULL DEFAULT 0    -- how often it took its worker down
);
CREATE INDEX jobs_by_status ON async_ix_jobs (status);
CREATE INDEX jobs_by_creation ON async_ix_jobs (created_at DESC);
CREATE INDEX jobs_by_parent ON async_ix_jobs (parent_job_id) WHERE parent_job_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_idempotency_key ON async_ix_jobs (idempotency_key)
    WHERE idempotency_key IS NOT NULL;
-- The queue itself: only what can be claimed is in it, so history never slows a claim.
-- Within a priority the rowid, which only grows, keeps the order of arrival.
CREATE INDEX jobs_ready ON async_ix_jobs (priority DESC)
    WHERE status = 'queued' AND next_attempt_at IS NULL;
CREATE INDEX jobs_delayed ON async_ix_jobs (next_attempt_at)
    WHERE status = 'queued' AND next_attempt_at IS NOT NULL;
CREATE INDEX jobs_to_stop ON async_ix_jobs (stop_request)
    WHERE status = 'running' AND stop_request IS NOT NULL;
CREATE INDEX jobs_active ON async_ix_jobs (handler_name, source)
    WHERE status IN ('queued', 'running', 'paused');

CREATE TABLE scheduled_pulse_jobs (
    id                  TEXT PRIMARY KEY,
    ats_code            TEXT NOT NULL,
    interval_seconds    INTEGER NOT NULL,
    next_run_at         TEXT,
    last_run_at         TEXT,
    last_execution_id   TEXT,
    state               TEXT NOT NULL DEFAULT 'active' CHECK (state IN
                        ('active', 'paused', 'stopping', 'inactive', 'deleted')),
    created_from_doc_id TEXT,
    metadata            TEXT,
    handler_name        TEXT,
    payload             TEXT,
    source_url          TEXT,
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL
);
CREATE INDEX schedules_due ON scheduled_pulse_jobs (state, next_run_at) WHERE state = 'active';
CREATE INDEX schedules_by_document ON scheduled_pulse_jobs (created_from_doc_id)
    WHERE created_from_doc_id IS NOT NULL;

CREATE TABLE pulse_executions (
    id               TEXT PRIMARY KEY,
    scheduled_job_id TEXT NOT NULL,
    async_job_id     TEXT,
    status           TEXT NOT NULL CHECK (status IN
                     ('running', 'completed', 'failed', 'cancelled', 'skipped', 'missed')),
    started_at       TEXT NOT NULL,
    completed_at     TEXT,
    duration_ms      INTEGER,
    logs             TEXT,    -- upstream's column; lines are in task_logs, by execution_id
    result_summary   TEXT,
    error_message    TEXT,
    created_at       TEXT NOT NULL,
    updated_at       TEXT NOT NULL
);
CREATE INDEX executions_by_schedule ON pulse_executions (scheduled_job_id);
CREATE INDEX executions_by_status ON pulse_executions (status);
CREATE INDEX executions_by_start ON pulse_executions (started_at DESC);

-- One execution of a job by a worker, with its receipt. run_key is the fencing token and the
-- upper half of the ids of its lines.
CREATE TABLE job_attempts (
    run_key       INTEGER PRIMARY KEY,
    job_id        TEXT NOT NULL,
    attempt       INTEGER NOT NULL,
    execution_id  TEXT,
    status        TEXT NOT NULL CHECK (status IN
                  ('running', 'completed', 'failed', 'cancelled', 'paused', 'queued')),
    worker        TEXT,
    pid           INTEGER,
    started_at    TEXT NOT NULL,
    ended_at      TEXT,
    error         TEXT,
    error_type    TEXT,
    error_stage   TEXT,
    reason        TEXT,                  -- why it ended, where that is not the handler's doing
    lease_until   TEXT,
    accepted      INTEGER NOT NULL DEFAULT 0,
    stored        INTEGER NOT NULL DEFAULT 0,
    lost          INTEGER NOT NULL DEFAULT 0,
    redactions    INTEGER NOT NULL DEFAULT 0,
    debug_count   INTEGER NOT NULL DEFAULT 0,
    info_count    INTEGER NOT NULL DEFAULT 0,
    warn_count    INTEGER NOT NULL DEFAULT 0,
    error_count   INTEGER NOT NULL DEFAULT 0,
    critical_count INTEGER NOT NULL DEFAULT 0,
    first_error_seq INTEGER,
    UNIQUE (job_id, attempt)
);
CREATE INDEX attempts_by_execution ON job_attempts (execution_id) WHERE execution_id IS NOT NULL;
CREATE INDEX attempts_running ON job_attempts (status) WHERE status = 'running';

-- A stage or a task of an attempt, with its counts.
CREATE TABLE log_contexts (
    context_key    INTEGER PRIMARY KEY,
    run_key        INTEGER NOT NULL,
    stage          TEXT,
    task_id        TEXT,
    name           TEXT,
    status         TEXT,
    started_at     INTEGER,
    ended_at       INTEGER,
    result         TEXT,
    line_count     INTEGER NOT NULL DEFAULT 0,
    first_id       INTEGER,
    last_id        INTEGER,
    first_ts       INTEGER,
    last_ts        INTEGER,
    max_level      INTEGER,
    debug_count    INTEGER NOT NULL DEFAULT 0,
    info_count     INTEGER NOT NULL DEFAULT 0,
    warn_count     INTEGER NOT NULL DEFAULT 0,
    error_count    INTEGER NOT NULL DEFAULT 0,
    critical_count INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX contexts_of_run
    ON log_contexts (run_key, ifnull(stage, ''), ifnull(task_id, ''), stage IS NULL, task_id IS NULL);
CREATE INDEX contexts_by_task ON log_contexts (task_id) WHERE task_id IS NOT NULL;

CREATE TABLE log_origins (
    origin_key INTEGER PRIMARY KEY,
    source     TEXT NOT NULL,
    logger     TEXT
);
CREATE UNIQUE INDEX origins_by_name ON log_origins (source, ifnull(logger, ''), logger IS NULL);

-- id = run_key << 32 | seq: a run's lines lie together, and need no other index.
CREATE TABLE log_lines (
    id          INTEGER PRIMARY KEY,
    context_key INTEGER NOT NULL,
    origin_key  INTEGER NOT NULL,
    ts          INTEGER NOT NULL,
    level       INTEGER NOT NULL,
    flags       INTEGER NOT NULL,
    message     TEXT NOT NULL,            -- a BLOB where it is not valid UTF-8
    metadata    TEXT
);
CREATE INDEX lines_by_level ON log_lines (level, id) WHERE level >= 30;

-- The whole of a message too large for a row; the row holds its beginning.
CREATE TABLE log_bodies (
    id   INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);

-- How far each journal has been moved into the store.
CREATE TABLE journal_offsets (
    producer TEXT PRIMARY KEY,
    segment  INTEGER NOT NULL,
    position INTEGER NOT NULL
) WITHOUT ROWID;

-- Output of a stream that has no newline yet.
CREATE TABLE log_parts (
    producer    TEXT NOT NULL,
    part        INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    context_key INTEGER NOT NULL,
    origin_key  INTEGER NOT NULL,
    ts          INTEGER NOT NULL,
    level       INTEGER NOT NULL,
    flags       INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (producer, part, number)
) WITHOUT ROWID;

-- Files behind file descriptors 1 and 2, and how far they are in the store.
CREATE TABLE log_spools (
    path        TEXT PRIMARY KEY,
    context_key INTEGER NOT NULL,
    origin_key  INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    level       INTEGER NOT NULL,
    flags       INTEGER NOT NULL,
    directives  INTEGER NOT NULL,
    keep        INTEGER NOT NULL,
    redact      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE VIEW task_logs AS
SELECT l.id,
       a.job_id,
       a.execution_id,
       a.attempt,
       l.id & 4294967295 AS seq,
       c.stage,
       c.task_id,
       strftime('%Y-%m-%dT%H:%M:%S', l.ts / 1000000, 'unixepoch')
           || printf('.%06dZ', l.ts % 1000000) AS timestamp,
       CASE WHEN l.level >= 50 THEN 'critical' WHEN l.level >= 40 THEN 'error'
            WHEN l.level >= 30 THEN 'warn' WHEN l.level >= 20 THEN 'info'
            ELSE 'debug' END AS level,
       o.source,
       o.logger,
       CASE WHEN l.flags & 16 THEN (SELECT iif(l.flags & 1, b.body, CAST(b.body AS TEXT))
                                    FROM log_bodies b WHERE b.id = l.id)
            ELSE l.message END AS message,
       l.metadata
FROM log_lines l
JOIN log_contexts c ON c.context_key = l.context_key
JOIN job_attempts a ON a.run_key = c.run_key
JOIN log_origins o ON o.origin_key = l.origin_key;
