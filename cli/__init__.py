"""The command line: one file per command. Installs as rtrl_lstm.cli."""
