SELECT {{bound}} AS lower
