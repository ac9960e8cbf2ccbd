SELECT count(*) AS lost FROM ({{relation}}) WHERE CAST(CAST({{column}} AS TIMESTAMP) AS TIMESTAMP_NS) <> {{column}}
