"""A simulated telephone network with scripted callees."""
