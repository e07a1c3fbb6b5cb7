/* What an item of the OFTP profile holds. */
#include <string.h>

#include <lz4.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h> /* XXH3 by what the CPU has, twice as fast */
#else
#include <xxhash.h>
#endif

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

/*
 * libxxhash leaves the upper halves of the vector registers in use, as Debian's is built; the next
 * instruction of SSE, and the next of AVX behind it, then wait 0.1 us each (Intel's optimization
 * manual, "mixing AVX code with SSE code").
 */
static inline void end_of_avx(void)
{
#if defined(__x86_64__)
	/* Not by the digest: to hold it for this would take SSE. A hash reads memory, so it is not
	 * moved behind what may change it. */
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroupper"
				 :
				 :
				 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
				 "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
				 "xmm14", "xmm15");
#endif
}

void oftp_item_digest(uint64_t seq_no, const uint8_t *logs, uint32_t len, uint8_t to[OFTP_DIGEST])
{
	XXH128_canonical_t canonical;
	XXH128_hash_t h = XXH3_128bits_withSeed(logs, len, seq_no);

	_Static_assert(sizeof(canonical.digest) == OFTP_DIGEST, "128 bits");
	end_of_avx();
	XXH128_canonicalFromHash(&canonical, h);
	memcpy(to, canonical.digest, OFTP_DIGEST);
}
