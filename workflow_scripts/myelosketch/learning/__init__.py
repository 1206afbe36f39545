"""Training and prediction: fold data, networks, losses and the methods of the ladder."""
