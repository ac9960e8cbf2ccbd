-- From here on the batch's events are in the event log, and are read from there if they are needed again.
CREATE OR REPLACE TEMP TABLE decided_event (seq BIGINT, ledger_key VARCHAR, event_id VARCHAR, from_status VARCHAR, repeated BOOLEAN)
