/*
 * Passwords: asked for on the terminal without echo, or the first line of a file. Never from argv
 * or the environment, which others can read.
 */
#ifndef SLUICE_CLI_SECRET_H
#define SLUICE_CLI_SECRET_H

#include "control/cli/cli.h"

#define SECRET_MAX 1024 /* bytes, with NUL */

/* False after a message. `file` NULL: on the terminal, where `twice` asks a second time to compare.
 * The caller wipes it. */
bool secret_read(
	struct cli *cli, const char *file, const char *what, bool twice, char secret[SECRET_MAX]);

#endif
