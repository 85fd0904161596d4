-- Recruiting: attestations, roles, job descriptions, candidates, scores, and what models cost.

CREATE TABLE attestations (
    id          TEXT PRIMARY KEY,
    subjects    TEXT NOT NULL CHECK (json_valid(subjects)),
    predicates  TEXT NOT NULL CHECK (json_valid(predicates)),
    contexts    TEXT NOT NULL CHECK (json_valid(contexts)),
    actors      TEXT NOT NULL CHECK (json_valid(actors)),
    timestamp   TEXT NOT NULL,
    source      TEXT NOT NULL DEFAULT 'cli',
    attributes  TEXT CHECK (attributes IS NULL OR json_valid(attributes)),
    created_at  TEXT NOT NULL,
    signature   BLOB,
    signer_did  TEXT
);
CREATE INDEX attestations_by_time ON attestations (timestamp DESC);

-- One row per name of each dimension, so that a claim is found by any of its names.
CREATE TABLE attestation_names (
    dimension       TEXT NOT NULL CHECK (dimension IN ('subject', 'predicate', 'context', 'actor')),
    name            TEXT NOT NULL COLLATE NOCASE,
    attestation_id  TEXT NOT NULL REFERENCES attestations (id) ON DELETE CASCADE,
    PRIMARY KEY (dimension, name, attestation_id)
) WITHOUT ROWID;
CREATE INDEX attestation_names_by_attestation ON attestation_names (attestation_id);

CREATE TABLE roles (
    id          TEXT PRIMARY KEY,
    -- Title, company and location, case-folded: the same position is one role.
    role_key    TEXT NOT NULL UNIQUE,
    title       TEXT NOT NULL,
    company     TEXT NOT NULL DEFAULT '',
    location    TEXT NOT NULL DEFAULT '',
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL
);

CREATE TABLE job_descriptions (
    id            TEXT PRIMARY KEY,
    role_id       TEXT NOT NULL REFERENCES roles (id),
    source        TEXT NOT NULL,
    source_kind   TEXT NOT NULL,
    -- SHA-256 of the text: the same text is the same job description.
    content_hash  TEXT NOT NULL UNIQUE,
    title         TEXT NOT NULL,
    company       TEXT NOT NULL DEFAULT '',
    location      TEXT NOT NULL DEFAULT '',
    text          TEXT NOT NULL,
    extraction    TEXT NOT NULL CHECK (json_valid(extraction)),
    posting       TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(posting)),
    -- The job that wrote it last.
    job_id        TEXT NOT NULL DEFAULT '',
    created_at    TEXT NOT NULL,
    updated_at    TEXT NOT NULL
);
CREATE INDEX job_descriptions_by_role ON job_descriptions (role_id);
CREATE INDEX job_descriptions_by_time ON job_descriptions (updated_at DESC, id);

CREATE TABLE candidates (
    id                TEXT PRIMARY KEY,
    name              TEXT NOT NULL,
    headline          TEXT NOT NULL DEFAULT '',
    location          TEXT NOT NULL DEFAULT '',
    years_experience  REAL NOT NULL DEFAULT 0,
    profile           TEXT NOT NULL CHECK (json_valid(profile)),
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL
);

CREATE TABLE candidate_scores (
    jd_id         TEXT NOT NULL REFERENCES job_descriptions (id) ON DELETE CASCADE,
    candidate_id  TEXT NOT NULL REFERENCES candidates (id) ON DELETE CASCADE,
    scorer        TEXT NOT NULL,
    score         REAL NOT NULL CHECK (score BETWEEN 0 AND 1),
    qualified     INTEGER NOT NULL CHECK (qualified IN (0, 1)),
    threshold     REAL NOT NULL,
    reasoning     TEXT NOT NULL,
    evidence      TEXT NOT NULL CHECK (json_valid(evidence)),
    -- The job that computed it; a resumed job does not score a candidate again.
    job_id        TEXT NOT NULL DEFAULT '',
    scored_at     TEXT NOT NULL,
    PRIMARY KEY (jd_id, candidate_id, scorer)
) WITHOUT ROWID;
CREATE INDEX candidate_scores_by_candidate ON candidate_scores (candidate_id, scored_at DESC);
CREATE INDEX candidate_scores_by_rank ON candidate_scores (jd_id, score DESC);

CREATE TABLE ai_model_usage (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_type      TEXT NOT NULL,
    entity_type         TEXT NOT NULL,
    entity_id           TEXT NOT NULL,
    model_name          TEXT NOT NULL,
    model_provider      TEXT NOT NULL,
    model_config        TEXT CHECK (model_config IS NULL OR json_valid(model_config)),
    request_timestamp   TEXT NOT NULL,
    response_timestamp  TEXT,
    tokens_used         INTEGER,
    cost                REAL,
    success             INTEGER NOT NULL DEFAULT 1 CHECK (success IN (0, 1)),
    error_message       TEXT,
    metadata            TEXT CHECK (metadata IS NULL OR json_valid(metadata)),
    created_at          TEXT NOT NULL
);
CREATE INDEX ai_model_usage_by_operation ON ai_model_usage (operation_type);
CREATE INDEX ai_model_usage_by_model ON ai_model_usage (model_name);
CREATE INDEX ai_model_usage_by_entity ON ai_model_usage (entity_type, entity_id);
CREATE INDEX ai_model_usage_successes ON ai_model_usage (success, request_timestamp) WHERE success = 1;
