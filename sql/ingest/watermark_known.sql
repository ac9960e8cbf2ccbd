SELECT 1 AS known FROM ({{known}})
WHERE source_name = $source AND target = $target AND watermark_value IS NOT DISTINCT FROM $value AND updated_at = $at::TIMESTAMPTZ
