/*
 * A new file for what sluiced answers. What is issued is not to be had again, so that there is a
 * place for it is found out before it is asked for; and no file of this name is there until all of
 * it is, whenever sluicectl is ended.
 */
#ifndef SLUICE_CLI_OUT_FILE_H
#define SLUICE_CLI_OUT_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "control/cli/cli.h"

struct out_file {
	const char *name, *base; /* as it was given, and that without its directory */
	int dir;
	mode_t mode;
};

/*
 * Nothing has this name, and files can be made where it is to be: out_close() after use. false
 * after a message. `name` stays the caller's.
 */
bool out_open(struct cli *cli, struct out_file *f, const char *name, mode_t mode);

/*
 * The whole file, on disk, under its name; false after a message. A file that was made there
 * meanwhile stays, and the message says where this one is.
 */
bool out_save(struct cli *cli, const struct out_file *f, const void *data, size_t len);

void out_close(struct out_file *f);

#endif
