/* What an item of the OFTP profile holds. */
#include <string.h>

#include <lz4.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/siphash.h"
#include "dataplane/framing/oftp.h"

const uint8_t *oftp_item_logs(const struct oftp_msg *m, uint8_t *scratch)
{
	int n;

	if (m->codec == OFTP_RAW)
		return m->payload.at;
	n = LZ4_decompress_safe(
		(const char *)m->payload.at, (char *)scratch, (int)m->payload.len, (int)m->raw_len);
	return n >= 0 && (uint32_t)n == m->raw_len ? scratch : NULL;
}

void oftp_item_digest(uint64_t seq_no, const uint8_t *logs, uint32_t len, uint8_t to[OFTP_DIGEST])
{
	for (uint64_t half = 1; half <= 2; half++) {
		const struct siphash_key key = {seq_no, half};

		store_le64(to + (half - 1) * 8, siphash24(&key, logs, len));
	}
}
