/* The rows of one block: which of them match what is asked for, and what is said of them. */
#include <string.h>

#include "dataplane/framing/fields.h"
#include "dataplane/journal/reader_internal.h"

static bool row_matches(const struct journal_reader *r, const struct block_row *row)
{
	return reader_time_matches(r, row->time_ns, row->time_ns) &&
	       (!r->device || row->device == r->block_device);
}

/* Is any row wanted? Then its data is worth reading. */
static bool any_row(struct journal_reader *r)
{
	const struct journal_records *rec = &r->records;

	r->block_device = UINT32_MAX;
	for (uint32_t i = 0; r->device && i < rec->device_count; i++)
		if (rec->devices[i].name_len == r->device_len &&
			memcmp(rec->names + rec->devices[i].name_off, r->device, r->device_len) ==
				0)
			r->block_device = i;
	if (r->device && r->block_device == UINT32_MAX)
		return false;
	for (uint32_t i = 0; i < rec->row_count; i++)
		if (row_matches(r, &rec->rows[i]))
			return true;
	return false;
}

int reader_load_block(struct journal_reader *r, uint64_t off, const struct block_frame *f)
{
	int rc = segment_columns(&r->file, off, f, &r->buffers, &r->records);

	if (rc != SEGMENT_OK)
		return rc;
	r->stats.blocks_read++;
	if (!any_row(r))
		return 0;
	rc = segment_data(&r->file, off, f, &r->buffers);
	if (rc != SEGMENT_OK)
		return rc;
	if (!segment_rows_match(&r->records, r->buffers.raw.data))
		return SEGMENT_DAMAGED;
	r->row = r->part = r->part_row = 0;
	r->raw_off = 0;
	r->candidate = 0;
	if (r->grep.literal) {
		const uint8_t *at = grep_seek(
			&r->grep, r->buffers.raw.data, r->buffers.raw.data + r->buffers.raw.len);

		if (!at)
			return 0;
		r->candidate = (size_t)(at - r->buffers.raw.data);
	}
	return 1;
}

static void fill(const struct journal_reader *r, const struct block_row *row, uint64_t block,
	const uint8_t *raw, struct journal_log *log)
{
	const struct journal_records *rec = &r->records;
	const struct block_device *d = &rec->devices[row->device];

	memset(log, 0, sizeof(*log));
	log->block = block;
	log->time_ns = row->time_ns;
	log->seq_no = row->seq_no;
	log->device = (const char *)rec->names + d->name_off;
	log->device_len = d->name_len;
	log->transport = row->transport;
	log->flags = row->flags;
	log->log = raw;
	log->len = row->len;
	if (row->source != BLOCK_NONE) {
		log->has_source = true;
		log->source = rec->sources[row->source].addr;
		log->source_port = rec->sources[row->source].port;
	}
	if (row->stream != BLOCK_NONE) {
		log->has_stream = true;
		log->epoch = rec->streams[row->stream].epoch;
		log->conn_id = rec->streams[row->stream].conn_id;
	}
	if (row->vdom != BLOCK_NONE) {
		log->vdom = (const char *)rec->names + rec->vdoms[row->vdom].name_off;
		log->vdom_len = rec->vdoms[row->vdom].name_len;
	} else {
		struct text vdom = fields_vdom((const char *)raw, row->len);

		log->vdom = vdom.at;
		log->vdom_len = vdom.len;
	}
}

/* Does a row of `len` bytes at raw_off match the expression? Rows are asked in their order. */
static bool grep_matches(struct journal_reader *r, size_t off, uint32_t len)
{
	const uint8_t *raw = r->buffers.raw.data;
	const uint8_t *end = raw + r->buffers.raw.len;

	if (r->candidate < off) {
		const uint8_t *at = grep_seek(&r->grep, raw + off, end);

		r->candidate = at ? (size_t)(at - raw) : SIZE_MAX;
	}
	/* One that goes over the row's end is none, and none behind it ends sooner. */
	if (r->candidate > off + len || len - (r->candidate - off) < r->grep.literal_len)
		return false;
	return !reader_stopped(r) && grep_confirm(&r->grep, raw + off, len);
}

bool reader_next_row(struct journal_reader *r, struct journal_log *log)
{
	const struct journal_records *rec = &r->records;

	while (r->row < rec->row_count && r->candidate != SIZE_MAX && !r->stopped &&
		r->grep.undecided <= GREP_UNDECIDED) {
		const struct block_row *row = &rec->rows[r->row++];
		size_t off = r->raw_off;
		uint64_t block;

		r->raw_off += row->len + 1u;
		while (r->part_row == rec->parts[r->part].rows) {
			r->part++;
			r->part_row = 0;
		}
		r->part_row++;
		block = rec->parts[r->part].block;
		if (block < r->part_first || block > r->part_last || !row_matches(r, row) ||
			!grep_matches(r, off, row->len))
			continue;
		fill(r, row, block, r->buffers.raw.data + off, log);
		r->stats.logs++;
		return true;
	}
	r->in_block = false;
	return false;
}
