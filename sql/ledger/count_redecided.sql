-- Whether events decided again after a lost race differ from those written before it (but for the time of writing).
SELECT count(*) AS changed FROM (
  (SELECT event_id, from_status, to_status, event_type, reason FROM new_event
   EXCEPT ALL SELECT event_id, from_status, to_status, event_type, reason FROM ({{before}}))
  UNION ALL
  (SELECT event_id, from_status, to_status, event_type, reason FROM ({{before}})
   EXCEPT ALL SELECT event_id, from_status, to_status, event_type, reason FROM new_event)
)
