{{text}} = 't'
