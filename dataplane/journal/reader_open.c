/* A reader from its beginning to its end: what is asked for, and what it has read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/dir.h"
#include "dataplane/journal/reader_internal.h"

static int set_grep(struct journal_reader *r, const char *grep, struct journal_fault *fault)
{
	char why[200];
	int rc = grep ? grep_compile(&r->grep, grep, why) : 0;

	if (rc == -2)
		return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
	if (rc < 0)
		return journal_fault_set(fault, JOURNAL_E_CONFIG, 0,
			"not a regular expression: \"%s\": %s", grep, why);
	return JOURNAL_OK;
}

static int reader_init(struct journal_reader *r, const char *dir, const struct journal_query *q,
	struct journal_fault *fault)
{
	struct siphash_key key;
	int rc;

	memcpy(r->dir, dir, strlen(dir) + 1);
	rc = journal_dir_id(r->fs, r->dir, r->id, fault);
	if (rc != JOURNAL_OK)
		return rc;
	if (r->fs->random(r->fs->ctx, &key, sizeof(key)) < 0 ||
		segment_buffers_init(&r->buffers) != 0)
		return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
	index_init(&r->index, &key);
	if (q->device) {
		r->device = strdup(q->device);
		r->device_len = strlen(q->device);
		if (!r->device)
			return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
	}
	r->since_ns = q->since_ns;
	r->until_ns = q->until_ns;
	r->max_block = q->max_block;
	r->stop = q->stop;
	r->stop_arg = q->stop_arg;
	r->next_block = q->after_block + 1;
	return set_grep(r, q->grep, fault);
}

int journal_reader_open_fs(const struct journal_fs *fs, const char *dir,
	const struct journal_query *q, struct journal_reader **out, struct journal_fault *fault)
{
	struct journal_reader *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
	r->fs = fs ? fs : &journal_fs_real;
	r->file.fd = -1;
	if (strlen(dir) >= sizeof(r->dir))
		rc = journal_fault_set(fault, JOURNAL_E_MISSING, ENAMETOOLONG, "%s: too long", dir);
	else
		rc = reader_init(r, dir, q, fault);
	if (rc != JOURNAL_OK) {
		journal_reader_close(r);
		return rc;
	}
	*out = r;
	return JOURNAL_OK;
}

int journal_reader_open(const char *dir, const struct journal_query *q, struct journal_reader **out,
	struct journal_fault *fault)
{
	return journal_reader_open_fs(NULL, dir, q, out, fault);
}

void journal_reader_close(struct journal_reader *r)
{
	if (!r)
		return;
	reader_leave_segment(r);
	index_free(&r->index);
	segment_buffers_free(&r->buffers);
	grep_free(&r->grep);
	free(r->device);
	free(r);
}

void journal_reader_stats(const struct journal_reader *r, struct journal_reader_stats *st)
{
	*st = r->stats;
	st->undecided = r->grep.undecided;
	if (r->file.fd >= 0)
		st->bytes_read += r->file.bytes_read;
}
