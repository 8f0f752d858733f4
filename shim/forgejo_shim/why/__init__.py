"""Why a run is red: from the rows of its logs to a report. Pure: no I/O, no server, no backend."""
