"""The use cases, a verb each, and the ports that they speak through."""
