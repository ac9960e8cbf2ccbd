-- What some data files really hold, against their statistics.
SELECT _file_index, count(*) AS rows{{checks}}
FROM ({{scan}})
GROUP BY _file_index
