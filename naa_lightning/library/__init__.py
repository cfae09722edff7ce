"""A notebook's entry: models and attacks by name, their transfer and their pictures; `naa_lightning` names them all."""
