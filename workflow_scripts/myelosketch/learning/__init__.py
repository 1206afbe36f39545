"""Learning floor: fold data, networks, losses, the methods of the ladder, training and prediction."""
