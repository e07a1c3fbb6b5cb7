#include "tests/unit/journal/util.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/reason.h"
#include "dataplane/journal/internal.h"

void test_dir_make(char path[256])
{
	snprintf(path, 256, "%s/sluice-journal-XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void test_dir_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void test_config(struct journal_config *cfg, const char *dir)
{
	journal_config_defaults(cfg);
	snprintf(cfg->dir, sizeof(cfg->dir), "%s", dir);
	cfg->block_size = 64u << 10;
	cfg->pool_blocks = 16;
	cfg->min_free = 0;
	cfg->retention_age_s = 0;
	cfg->retention_percent = 0;
	cfg->stream_retention_s = 0;
	cfg->compressors = 0;
	cfg->compaction_level = 0;
}

bool test_log(struct block *b, const char *device, uint64_t time_ns, const char *log, uint32_t len)
{
	struct block_row row = {
		.time_ns = time_ns,
		.len = len,
		.source = BLOCK_NONE,
		.vdom = BLOCK_NONE,
		.stream = BLOCK_NONE,
		.transport = TRANSPORT_UDP,
	};
	size_t name_len = strlen(device);

	if (!block_has_room(b, len, 1, (uint32_t)name_len))
		return false;
	for (row.device = 0; row.device < b->device_count; row.device++) {
		const struct block_device *d = &b->devices[row.device];

		if (d->name_len == name_len &&
			memcmp(b->names + d->name_off, device, name_len) == 0)
			break;
	}
	if (row.device == b->device_count)
		block_device_add(b, device, (uint16_t)name_len, 0);
	memcpy(block_append(b, &row), log, len);
	return true;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdull;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ull;
	return x ^ x >> 33;
}

uint32_t test_line(char line[1024], uint64_t n)
{
	static const char *const app[] = {"HTTPS.BROWSER", "DNS", "SSL",
		"Microsoft.Office.365.Portal", "Google.Services", "NTP", "SMB", "QUIC"};
	static const char *const country[] = {
		"United States", "Germany", "Reserved", "France", "Japan"};
	uint64_t r = mix(n);
	uint64_t s = mix(r);
	uint64_t t = 1763762000ull + n / 2000;

	return (uint32_t)snprintf(line, 1024,
		"date=2025-11-21 time=22:%02u:%02u devname=\"fw-%llu\" devid=\"FGT60FTK%08llu\" "
		"eventtime=%llu%09llu tz=\"+0100\" logid=\"0000000013\" type=\"traffic\" "
		"subtype=\"forward\" level=\"notice\" vd=\"root\" srcip=10.%u.%u.%u srcport=%u "
		"srcintf=\"port2\" srcintfrole=\"lan\" dstip=%u.%u.%u.%u dstport=%u "
		"dstintf=\"wan1\" "
		"dstintfrole=\"wan\" srccountry=\"Reserved\" dstcountry=\"%s\" sessionid=%u "
		"proto=6 "
		"action=\"close\" policyid=%u service=\"HTTPS\" trandisp=\"snat\" app=\"%s\" "
		"duration=%u sentbyte=%u rcvdbyte=%u sentpkt=%u rcvdpkt=%u",
		(unsigned)(t / 60 % 60), (unsigned)(t % 60), (unsigned long long)(r % 40),
		(unsigned long long)(r % 40), (unsigned long long)t,
		(unsigned long long)(s % 1000000000), (unsigned)(r >> 8 & 3),
		(unsigned)(r >> 16 & 255), (unsigned)(r >> 24 & 255),
		(unsigned)(1024 + (s & 0xffff) % 60000), (unsigned)(s >> 16 & 63) + 1,
		(unsigned)(s >> 22 & 255), (unsigned)(s >> 30 & 255), (unsigned)(s >> 38 & 255),
		s >> 50 & 3 ? 443u : 53u, country[r % 5], (unsigned)(n * 7 % 90000000 + 100000),
		(unsigned)(r >> 40 & 15), app[s % 8], (unsigned)(r >> 44 & 127),
		(unsigned)(s >> 40 & 0xffff), (unsigned)(r >> 32 & 0xfffff),
		(unsigned)(s >> 48 & 255), (unsigned)(r >> 50 & 255));
}

void test_settle(struct journal *j)
{
	for (unsigned idle = 0; idle < 3;) {
		if (journal_step(j, j->fs->mono_us(j->fs->ctx)) || j->commit.phase != COMMIT_IDLE)
			idle = 0;
		else
			idle++;
	}
}

/* ---- rich blocks -------------------------------------------------------------------------- */

static const uint8_t rich_flags[TEST_RICH_LOGS] = {0x02, 0x04, 0x08, 0x10, 0x01, 0x82, 0x60, 0};
static const uint8_t rich_transport[TEST_RICH_LOGS] = {TRANSPORT_OFTP, TRANSPORT_OFTP,
	TRANSPORT_TCP, TRANSPORT_UDP, TRANSPORT_RELP_TLS, TRANSPORT_OFTP, TRANSPORT_OFTP,
	TRANSPORT_INTERNAL};

static uint32_t rich_text(unsigned k, unsigned i, char text[256])
{
	if (i == 7)
		return 0;
	return (uint32_t)snprintf(text, 256, "rich %u %u %s vd=\"text\" msg=\"%.*s\"", k, i,
		i == 3 ? "two\nlines" : "one", (int)(10 * i),
		"a message of the firewall about a session, its policy and its bytes sent");
}

static uint64_t rich_time(unsigned k, unsigned i)
{
	/* Not rising everywhere: the wall clock may step. */
	return 1763762000000000000ull + k * 1000000000ull + (i == 4 ? 0 : i * 1000ull);
}

/* Sequence numbers: 0, 1, 5 and 6 are in streams; between two blocks 3 are missing, 1 comes late.
 */
static uint64_t rich_seq(unsigned k, unsigned i)
{
	static const uint64_t of[TEST_RICH_LOGS] = {1, 2, 0, 0, 0, 100, 101, 0};

	return of[i] ? of[i] + 10ull * k : 0;
}

static void rich_dictionaries(struct block *b, unsigned k)
{
	static const uint8_t v4[4] = {192, 0, 2, 7};
	struct ip_addr v6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = 9}};
	struct ip_addr a = ip_addr_v4(v4);

	block_device_add(b, "FGT60FTK00000001", 16, 0);
	block_device_add(b, "2001:db8::9", 11, 1);
	block_source_add(b, &a, 514);
	block_source_add(b, &v6, 0);
	block_vdom_add(b, "root", 4);
	block_vdom_add(b, "dmz", 3);
	for (unsigned s = 0; s < 2; s++) {
		struct block_stream *st = &b->streams[b->stream_count++];

		memset(st, 0, sizeof(*st));
		st->epoch = 0x1122334455667788ull + s;
		st->conn_id = 3 + s;
		st->first_seq = s ? 100 + 10ull * k : 1 + 10ull * k;
		st->last_seq = st->first_seq + 1;
		st->confirmed = st->last_seq;
		memset(st->digest, (int)(16 * k + s), sizeof(st->digest));
	}
	/* What lies between the last block and this one never came; of block 0's gap one item did.
	 */
	b->gaps[b->gap_count++] = (struct block_gap){
		.first = 10ull * k - 7, .last = 10ull * k, .stream = 0, .kind = GAP_OPENED};
	b->gaps[b->gap_count++] = (struct block_gap){
		.first = 10ull * k - 5, .last = 10ull * k - 5, .kind = GAP_CLOSED};
}

void test_rich_block(struct block *b, unsigned k)
{
	rich_dictionaries(b, k);
	for (unsigned i = 0; i < TEST_RICH_LOGS; i++) {
		char text[256];
		struct block_row row = {
			.time_ns = rich_time(k, i),
			.seq_no = rich_seq(k, i),
			.len = rich_text(k, i, text),
			.device = i == 4 || i == 7,
			.source = i == 7 ? BLOCK_NONE : (uint16_t)(i & 1),
			.vdom = i == 2	 ? 0
				: i == 5 ? 1
					 : BLOCK_NONE,
			.stream = (uint16_t)(rich_seq(k, i) == 0 ? BLOCK_NONE : i >= 5),
			.transport = rich_transport[i],
			.flags = rich_flags[i],
		};

		memcpy(block_append(b, &row), text, row.len);
	}
	for (unsigned c = 0; c < DROP_REASON_COUNT; c++)
		block_delta_add(b, c & 1, (uint16_t)c, c + 1u);
	for (unsigned c = DELTA_DUPLICATE; c <= DELTA_CONFLICT; c++)
		block_delta_add(b, 0, (uint16_t)c, c);
	b->acked = true;
	b->first_us = 1;
}

void test_rich_check(const struct journal_log *log, unsigned k, unsigned i)
{
	static const char *const vdom[TEST_RICH_LOGS] = {
		"text", "text", "root", "text", "text", "dmz", "text", NULL};
	const char *device = i == 4 || i == 7 ? "2001:db8::9" : "FGT60FTK00000001";
	char text[256];

	assert_int_equal(log->len, rich_text(k, i, text));
	assert_memory_equal(log->log, text, log->len);
	assert_int_equal(log->time_ns, rich_time(k, i));
	assert_int_equal(log->seq_no, rich_seq(k, i));
	assert_int_equal(log->transport, rich_transport[i]);
	assert_int_equal(log->flags, rich_flags[i]);
	assert_int_equal(log->device_len, strlen(device));
	assert_memory_equal(log->device, device, log->device_len);
	assert_int_equal(log->has_source, i != 7);
	assert_int_equal(log->source_port, i == 7 || (i & 1) ? 0 : 514);
	assert_int_equal(ip_addr_is_v4(&log->source), i != 7 && !(i & 1));
	assert_int_equal(log->has_stream, rich_seq(k, i) != 0);
	if (log->has_stream) {
		assert_int_equal(log->epoch, 0x1122334455667788ull + (i >= 5));
		assert_int_equal(log->conn_id, 3 + (i >= 5));
	}
	assert_int_equal(log->vdom_len, vdom[i] ? strlen(vdom[i]) : 0);
	if (vdom[i])
		assert_memory_equal(log->vdom, vdom[i], log->vdom_len);
}

void test_lines_are(const struct journal_fs *fs, const char *dir, uint64_t logs)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader *r;
	struct journal_log log;
	char line[1024];

	assert_int_equal(journal_reader_open_fs(fs, dir, &q, &r, NULL), JOURNAL_OK);
	for (uint64_t n = 0; n < logs; n++) {
		assert_int_equal(journal_reader_next(r, &log), 1);
		assert_int_equal(log.len, test_line(line, n));
		assert_memory_equal(log.log, line, log.len);
	}
	assert_int_equal(journal_reader_next(r, &log), 0);
	journal_reader_close(r);
}
