SELECT _change AS change, count(*) AS rows FROM _row_changes GROUP BY _change
