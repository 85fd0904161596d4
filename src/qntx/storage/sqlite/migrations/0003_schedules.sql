-- What a schedule needs beyond an interval, and what an execution tells beyond its job.

ALTER TABLE scheduled_pulse_jobs ADD COLUMN name TEXT;
-- One of interval_seconds (0: none), cron and run_at says when.
ALTER TABLE scheduled_pulse_jobs ADD COLUMN cron TEXT;
ALTER TABLE scheduled_pulse_jobs ADD COLUMN run_at TEXT;
ALTER TABLE scheduled_pulse_jobs ADD COLUMN anchor_at TEXT;      -- intervals count from here
ALTER TABLE scheduled_pulse_jobs ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE scheduled_pulse_jobs ADD COLUMN jitter_seconds INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scheduled_pulse_jobs ADD COLUMN start_at TEXT;
ALTER TABLE scheduled_pulse_jobs ADD COLUMN end_at TEXT;
ALTER TABLE scheduled_pulse_jobs ADD COLUMN overlap TEXT NOT NULL DEFAULT 'skip';
ALTER TABLE scheduled_pulse_jobs ADD COLUMN missed TEXT NOT NULL DEFAULT 'one';
ALTER TABLE scheduled_pulse_jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
-- next_run_at is this instant with its jitter: the nominal instant identifies the execution.
ALTER TABLE scheduled_pulse_jobs ADD COLUMN next_nominal_at TEXT;
ALTER TABLE scheduled_pulse_jobs ADD COLUMN state_reason TEXT;
ALTER TABLE scheduled_pulse_jobs ADD COLUMN declared_as TEXT;    -- the key of one kept in code
CREATE UNIQUE INDEX schedules_by_declaration ON scheduled_pulse_jobs (declared_as)
    WHERE declared_as IS NOT NULL AND state <> 'deleted';

ALTER TABLE pulse_executions ADD COLUMN nominal_at TEXT;         -- NULL: not by the clock
ALTER TABLE pulse_executions ADD COLUMN cause TEXT NOT NULL DEFAULT 'schedule' CHECK (cause IN
    ('schedule', 'catch_up', 'force', 'rerun'));
ALTER TABLE pulse_executions ADD COLUMN reason TEXT;             -- of what was decided
ALTER TABLE pulse_executions ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;  -- behind another one
ALTER TABLE pulse_executions ADD COLUMN told INTEGER NOT NULL DEFAULT 1;     -- 0: no line of it yet
-- At most one execution per schedule and nominal instant, however many servers there are.
CREATE UNIQUE INDEX executions_by_instant ON pulse_executions (scheduled_job_id, nominal_at);
CREATE INDEX executions_by_job ON pulse_executions (async_job_id) WHERE async_job_id IS NOT NULL;
CREATE INDEX executions_running ON pulse_executions (scheduled_job_id) WHERE status = 'running';
CREATE INDEX executions_untold ON pulse_executions (told) WHERE told = 0;

-- When a ticker was last at work, and the last time in which none was.
CREATE TABLE scheduler_beat (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    at         TEXT NOT NULL,
    down_from  TEXT,
    down_until TEXT
);

-- Whatever ends a job (its run, a cancel, a dead worker), its execution ends in the same
-- transaction, and the job that waits behind it is put on the queue.
CREATE TRIGGER execution_ends AFTER UPDATE OF status ON async_ix_jobs
WHEN NEW.execution_id IS NOT NULL AND NEW.status IN ('completed', 'failed', 'cancelled')
BEGIN
    UPDATE pulse_executions SET
        status = NEW.status,
        started_at = ifnull(NEW.started_at, started_at),
        completed_at = ifnull(NEW.completed_at, NEW.updated_at),
        duration_ms = CAST(round((julianday(ifnull(NEW.completed_at, NEW.updated_at))
                                  - julianday(NEW.started_at)) * 86400000) AS INTEGER),
        result_summary = substr(NEW.result, 1, 2000),
        error_message = NEW.error,
        waiting = 0,
        updated_at = NEW.updated_at
    WHERE async_job_id = NEW.id AND status = 'running';
    UPDATE async_ix_jobs SET status = 'queued', pulse_state = NULL, updated_at = NEW.updated_at
    WHERE status = 'paused' AND id = (
        SELECT w.async_job_id FROM pulse_executions e
        JOIN pulse_executions w ON w.scheduled_job_id = e.scheduled_job_id
            AND w.status = 'running' AND w.waiting = 1
        WHERE e.async_job_id = NEW.id AND NOT EXISTS (
            SELECT 1 FROM pulse_executions o WHERE o.scheduled_job_id = e.scheduled_job_id
                AND o.status = 'running' AND o.waiting = 0)
        ORDER BY w.rowid LIMIT 1);
    UPDATE pulse_executions SET waiting = 0
    WHERE waiting = 1 AND status = 'running'
        AND scheduled_job_id = (SELECT scheduled_job_id FROM pulse_executions
                                WHERE async_job_id = NEW.id)
        AND (SELECT status FROM async_ix_jobs WHERE id = async_job_id) <> 'paused';
END;

-- A job that was over and goes back to the queue (a retry by hand) takes its execution along.
CREATE TRIGGER execution_resumes AFTER UPDATE OF status ON async_ix_jobs
WHEN NEW.execution_id IS NOT NULL AND NEW.status = 'queued'
    AND OLD.status IN ('completed', 'failed', 'cancelled')
BEGIN
    UPDATE pulse_executions SET status = 'running', completed_at = NULL, duration_ms = NULL,
        result_summary = NULL, error_message = NULL, updated_at = NEW.updated_at
    WHERE async_job_id = NEW.id;
END;
