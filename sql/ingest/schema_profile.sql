SELECT {{measures}} FROM ({{rows}})
