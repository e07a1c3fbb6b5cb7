/* Segments are zstd files: the real `zstd` reads them, and the seek table is the published one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <zstd.h>

#include "dataplane/base/bytes.h"
#include "dataplane/journal/internal.h"
#include "tests/unit/journal/util.h"

#define LOGS 2000u

struct place {
	char dir[256];
	struct journal *j;
	char *want; /* all logs, a newline after each */
	size_t want_len;
};

static void send_lines(struct place *p, unsigned first, unsigned last)
{
	struct journal_port *port = journal_port(p->j, 0);

	while (first < last) {
		struct block *b = journal_block_get(port);

		for (; first < last; first++) {
			char line[1024];
			uint32_t len = test_line(line, first);

			if (!test_log(b, "d", first, line, len))
				break;
		}
		memcpy(p->want + p->want_len, b->raw, b->raw_len);
		p->want_len += b->raw_len;
		journal_submit(port, b);
		test_settle(p->j);
		assert_int_equal(journal_completed(port, &b, 1), 1);
		journal_block_put(port, b);
	}
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct journal_config cfg;

	test_dir_make(p->dir);
	test_config(&cfg, p->dir);
	cfg.segment_size = 64u << 10;
	p->want = malloc(LOGS * 1024);
	assert_int_equal(journal_open(&cfg, 1, &p->j, NULL, NULL), JOURNAL_OK);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	journal_close(p->j);
	test_dir_remove(p->dir);
	free(p->want);
	free(p);
	return 0;
}

/* What a command prints; its exit status. */
static int output_of(const char *command, char **out, size_t *len)
{
	FILE *f = popen(command, "r");
	size_t room = LOGS * 1024;

	assert_non_null(f);
	*out = malloc(room);
	*len = fread(*out, 1, room, f);
	return WEXITSTATUS(pclose(f));
}

static void prints_all(const struct place *p, int status)
{
	char command[600];
	char *out;
	size_t len;

	snprintf(command, sizeof(command), "cat %s/*.zst | zstdcat 2>/dev/null", p->dir);
	assert_int_equal(output_of(command, &out, &len), status);
	assert_int_equal(len, p->want_len);
	assert_memory_equal(out, p->want, len);
	free(out);
}

static void zstdcat_prints_finished_and_open_segments(void **state)
{
	struct place *p = *state;
	char command[600];

	send_lines(p, 0, LOGS);
	prints_all(p, 0);
	journal_close(p->j);
	p->j = NULL;
	prints_all(p, 0);
	snprintf(command, sizeof(command), "zstd -qt %s/*.zst", p->dir);
	assert_int_equal(WEXITSTATUS(system(command)), 0);
}

/* A frame that is being written does not hide those in front of it. */
static void zstdcat_prints_every_complete_frame(void **state)
{
	struct place *p = *state;
	char path[JOURNAL_PATH_MAX];
	FILE *f;

	send_lines(p, 0, 300);
	journal_segment_path(path, p->dir, p->j->w.first_block);
	f = fopen(path, "r+b");
	assert_non_null(f);
	assert_int_equal(fseek(f, (long)p->j->w.end, SEEK_SET), 0);
	assert_int_equal(fwrite("\x53\x2a\x4d\x18\x70\x00\x00\x00SLJF\x02\x01", 1, 14, f), 14);
	fclose(f);
	prints_all(p, 1);
}

/* By the seekable format alone: entries, offsets, each frame by itself. */
static void seek_table_is_the_published_one(void **state)
{
	struct place *p = *state;
	static uint8_t file[1u << 20];
	char *back = malloc(LOGS * 1024);
	size_t done = 0;
	char path[JOURNAL_PATH_MAX];
	uint32_t frames;
	size_t size;
	size_t off = 0;
	size_t at;
	FILE *f;

	send_lines(p, 0, 300);
	assert_int_equal(rotate_finish(p->j), 0);
	journal_segment_path(path, p->dir, 1);
	f = fopen(path, "rb");
	assert_non_null(f);
	size = fread(file, 1, sizeof(file), f);
	fclose(f);
	assert_int_equal(load_le32(file + size - 4), 0x8F92EAB1u);
	assert_int_equal(file[size - 5], 0);
	frames = load_le32(file + size - 9);
	at = size - 9 - 8 * (size_t)frames;
	assert_int_equal(load_le32(file + at - 8), 0x184D2A5Eu);
	assert_int_equal(load_le32(file + at - 4), size - at);
	for (uint32_t i = 0; i < frames; i++, at += 8) {
		uint32_t stored = load_le32(file + at);
		uint32_t inflated = load_le32(file + at + 4);

		assert_int_equal(ZSTD_findFrameCompressedSize(file + off, size - off), stored);
		if (inflated == 0)
			assert_int_equal(load_le32(file + off) & 0xfffffff0u, 0x184D2A50u);
		else
			assert_int_equal(ZSTD_decompress(back + done, LOGS * 1024 - done,
						 file + off, stored),
				inflated);
		off += stored;
		done += inflated;
	}
	assert_int_equal(off, size - 9 - 8 * (size_t)frames - 8);
	assert_int_equal(done, p->want_len);
	assert_memory_equal(back, p->want, done);
	free(back);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(zstdcat_prints_finished_and_open_segments),
		CASE(zstdcat_prints_every_complete_frame),
		CASE(seek_table_is_the_published_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
