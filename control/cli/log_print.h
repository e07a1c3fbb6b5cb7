/* A log for people, for pipes, or byte for byte. */
#ifndef SLUICE_CLI_LOG_PRINT_H
#define SLUICE_CLI_LOG_PRINT_H

#include <stdio.h>

#include <jansson.h>

#include "dataplane/journal/reader.h"

enum log_form {
	LOG_TEXT, /* time, device, log; what a terminal must not get is escaped */
	LOG_RAW,  /* the log's bytes and a newline */
	LOG_JSON, /* an object a line */
};

/* One that sluiced sent (the object of docs/control-api.md); -1: it is no log. */
int log_print_json(const json_t *log, enum log_form form, FILE *out);
/* One read from a journal. */
void log_print_record(const struct journal_log *log, enum log_form form, FILE *out);

#endif
