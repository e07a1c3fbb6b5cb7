#include "tests/unit/journal/util.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
		s >> 50 & 3 ? 443 : 53, country[r % 5], (unsigned)(n * 7 % 90000000 + 100000),
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
