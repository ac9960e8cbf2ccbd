-- As text and not as CSV: every line end is the end of a row, so that any reader cuts rows alike, wherever it starts.
COPY (
{{rows}}
) TO STDOUT (FORMAT text, ENCODING 'UTF8')
