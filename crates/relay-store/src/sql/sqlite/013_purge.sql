-- What is due of a run is taken in the order of its keys, without sorting all that is left of it each time.
CREATE INDEX jobs_deleted_in_order ON jobs (deleted_run, pk) WHERE deleted_run IS NOT NULL;
CREATE INDEX jobs_results_deleted_in_order ON jobs (result_run, pk)
    WHERE result_run IS NOT NULL AND result_purged_at IS NULL;
DROP INDEX jobs_deleted;
DROP INDEX jobs_results_deleted;
