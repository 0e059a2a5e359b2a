"""The way to a machine and back: TCP, jump hosts, login, commands, and their deadlines."""
