SELECT * FROM _delta_target AS target WHERE {{condition}}
