-- Which migrations of applications were applied. (Number 2 is one that recruiting has by now.)
CREATE TABLE application_migrations (
    application  TEXT NOT NULL,
    version      INTEGER NOT NULL,
    name         TEXT NOT NULL,
    sha256       TEXT NOT NULL,
    applied_at   TEXT NOT NULL,
    PRIMARY KEY (application, version)
) WITHOUT ROWID;
