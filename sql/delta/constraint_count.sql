SELECT {{counts}} FROM ({{relation}}) AS target
