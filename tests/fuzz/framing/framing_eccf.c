/* EC CF records of any bytes: nothing outside of the datagram is read, nothing past raw_len + 1
 * written. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/framing/eccf.h"
#include "dataplane/framing/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok)
{
	if (!ok)
		abort();
}

static bool inside(struct text t, const uint8_t *data, size_t size)
{
	return !t.at ||
	       ((const uint8_t *)t.at >= data && (const uint8_t *)t.at + t.len <= data + size);
}

static void check_logs(const struct eccf *rec)
{
	uint8_t *raw = malloc(rec->raw_len + 1u);
	int n;

	expect(raw != NULL);
	n = eccf_inflate(rec, raw, rec->raw_len + 1u);
	if (n > 0) {
		uint32_t off = 0, index = 0, total = 0;
		struct text log;

		expect((uint32_t)n == rec->raw_len || (uint32_t)n == rec->raw_len + 1u);
		while (eccf_next(rec, raw, (uint32_t)n, &off, &index, &log)) {
			uint32_t len = log.len;

			expect(log.at == (char *)raw + total);
			total += log.len;
			datagram_trim((const uint8_t *)log.at, &len, 65536);
		}
		expect(index == rec->nlogs && total <= (uint32_t)n && total + 1 >= (uint32_t)n);
	} else {
		expect(n == ECCF_BAD_LZ4 || n == ECCF_BAD_LENGTHS);
	}
	free(raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);
	struct eccf rec;
	int rc;

	expect(exact != NULL);
	memcpy(exact, data, size);
	rc = eccf_parse(&rec, exact, size);
	expect(eccf_error_text(rc) != NULL);
	expect((rc == ECCF_NOT_ECCF) == !eccf_is_magic(exact, size));
	if (rc == ECCF_OK) {
		expect(rec.record_len <= size);
		expect(inside(rec.devid, exact, size) && inside(rec.devname, exact, size) &&
			inside(rec.vdom, exact, size));
		check_logs(&rec);
	}
	free(exact);
	return 0;
}
