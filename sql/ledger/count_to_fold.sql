SELECT (SELECT count(*) FROM pending_event) + (SELECT count(*) FROM decided_event) AS events
