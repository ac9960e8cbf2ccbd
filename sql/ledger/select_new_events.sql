SELECT * FROM new_event
