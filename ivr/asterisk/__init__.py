"""The only room that knows Asterisk's words: AMI, FastAGI, configuration, processes."""
