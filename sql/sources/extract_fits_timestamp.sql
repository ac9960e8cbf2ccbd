-- No infinity, no year before 1 (which ends with BC) or after 9999.
(substr({{text}}, 11, 1) = ' ' AND NOT ends_with({{text}}, 'C'))
