"""The command line's commands, a file for each thing one does; `cli` puts them together."""
