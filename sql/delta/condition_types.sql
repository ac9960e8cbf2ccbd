-- What expressions over the table are; none is run.
SELECT {{expressions}} FROM _delta_target AS target LIMIT 0
