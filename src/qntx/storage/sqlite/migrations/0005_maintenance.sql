-- What keeps a store safe to leave running: what has expired, what was warned of, what moved.

-- Lines that retention deleted, by level (0 debug .. 4 critical). The counts of job_attempts and
-- log_contexts stay those of what was said; numbers of lines are never used again.
CREATE TABLE log_expiry (
    run_key INTEGER NOT NULL,
    level   INTEGER NOT NULL,
    lines   INTEGER NOT NULL,
    at      TEXT NOT NULL,               -- of the last of them
    rule    TEXT NOT NULL,
    PRIMARY KEY (run_key, level)
) WITHOUT ROWID;

CREATE TABLE retention_runs (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     TEXT NOT NULL,
    report TEXT NOT NULL                 -- JSON
);

-- Small facts that outlive a restart, such as which limit is crossed.
CREATE TABLE maintenance_state (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    at    TEXT NOT NULL
) WITHOUT ROWID;

-- Moves of jobs that no attempt shows (a queued job cancelled, a failed one put back), the newest
-- ten thousand: live views find them here without a look at every job.
CREATE TABLE job_moves (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL
);
CREATE TRIGGER job_moved AFTER UPDATE OF status ON async_ix_jobs
WHEN OLD.status <> 'running' AND NEW.status <> 'running' AND OLD.status <> NEW.status
BEGIN
    INSERT INTO job_moves (job_id) VALUES (NEW.id);
    DELETE FROM job_moves WHERE id <= last_insert_rowid() - 10000;
END;
