/*
 * A journal's segments, and what is wrong with them, as JSON: for sluiced and for sluicectl, which
 * reads a journal without it. The objects are those of docs/control-api.md, in one line without a
 * newline. `out` is the caller's, whatever is returned.
 */
#ifndef SLUICE_CONTROL_JOURNAL_JSON_H
#define SLUICE_CONTROL_JOURNAL_JSON_H

#include "control/text.h"
#include "dataplane/journal/reader.h"

/* What journal_list() returns. */
int journal_json_list(struct text *out, const char *dir, struct journal_fault *fault);

/* What journal_verify() returns, up to block `max_block`. Findings behind the first `most` are only
 * counted. */
int journal_json_verify(struct text *out, const char *dir, uint64_t max_block, unsigned most,
	struct journal_fault *fault);

#endif
