SELECT {{expression}} AS expectation
