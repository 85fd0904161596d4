-- Lines that belong to a stage alone are found by its name over all jobs, as those of a task are.
CREATE INDEX contexts_by_stage ON log_contexts (stage) WHERE task_id IS NULL;
