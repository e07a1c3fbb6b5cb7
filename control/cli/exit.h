/* Exit statuses of sluicectl; scripts rely on them. */
#ifndef SLUICE_CLI_EXIT_H
#define SLUICE_CLI_EXIT_H

enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1, /* refused or failed */
	CLI_USAGE = 2,
	CLI_ABSENT = 3, /* no sluiced there */
	CLI_NO_RIGHT = 4,
	CLI_NOT_FOUND = 5,
	CLI_TIMEOUT = 6,
	CLI_TORN = 10,	  /* journal verify: torn tail */
	CLI_CORRUPT = 11, /* journal verify: corruption */
	CLI_UNFIT = 12,	  /* cert check: it would be refused here */
};

#endif
