(
{{query}}
)
