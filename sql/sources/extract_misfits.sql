SELECT {{checks}} FROM ({{rows}})
