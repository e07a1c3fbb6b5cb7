/*
 * Whose log it is: asked for each log, so it has to be cheap. fields_next() costs 10 ns a field, as
 * each of its searches waits for the one before. Here 64 bytes at a time are turned into bit masks,
 * from which the places where keys begin follow without going through the fields. That is exact for
 * text as firewalls write it; at anything else (see scan_block()) fields_next() is asked instead.
 */
#include "dataplane/framing/fields.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "dataplane/framing/fields_internal.h"

bool fields_devid_legal(const char *id, size_t len)
{
	if (len == 0 || len > FIELDS_DEVID_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = id[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			    c == '-' || c == '_' || c == '.'))
			return false;
	}
	return true;
}

static bool is_devid(struct text key, struct text value)
{
	return (text_is(key, "devid") || text_is(key, "device_id") ||
		       text_is(key, "deviceExternalId")) &&
	       fields_devid_legal(value.at, value.len);
}

enum { WANT_DEVID = 1, WANT_VDOM = 2 };

/* Notes what the field is, unless it is known already; returns what is still wanted. */
static unsigned take_field(unsigned want, bool cef, struct text key, struct text value,
	struct text *devid, struct text *vdom)
{
	if ((want & WANT_DEVID) && is_devid(key, value)) {
		*devid = value;
		want &= ~(unsigned)WANT_DEVID;
	} else if ((want & WANT_VDOM) && text_is(cef ? strip_prefix(key) : key, "vd")) {
		*vdom = value;
		want &= ~(unsigned)WANT_VDOM;
	}
	return want;
}

#ifdef __SSE2__

/* Bit i says something of byte i of a block. */
struct masks {
	uint64_t quote, space, equals;
	uint64_t odd;	  /* a backslash or '|' */
	uint64_t initial; /* 'd', 'v' or no ASCII: may begin a key that matters */
};

/* What the blocks before say of the first byte of the next. */
struct carry {
	uint64_t quoted;  /* all ones: inside of quotes */
	uint64_t start;	  /* 1: a token begins here */
	uint64_t pending; /* 1: a token has begun, and had no '=' yet */
	uint64_t opener;  /* 1: the byte before was the first '=' of its token */
};

static inline uint64_t bits(__m128i v, unsigned shift)
{
	return (uint64_t)(unsigned)_mm_movemask_epi8(v) << shift;
}

static inline struct masks masks_of(const char *p)
{
	struct masks m = {0};

#pragma GCC unroll 4
	for (unsigned i = 0; i < 64; i += 16) {
		__m128i v = _mm_loadu_si128((const void *)(p + i));
		__m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
		__m128i pipe = _mm_cmpeq_epi8(v, _mm_set1_epi8('|'));
		__m128i is_d = _mm_cmpeq_epi8(v, _mm_set1_epi8('d'));
		__m128i is_v = _mm_cmpeq_epi8(v, _mm_set1_epi8('v'));

		m.quote |= bits(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), i);
		m.space |= bits(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')), i);
		m.equals |= bits(_mm_cmpeq_epi8(v, _mm_set1_epi8('=')), i);
		m.odd |= bits(_mm_or_si128(slash, pipe), i);
		m.initial |= bits(_mm_or_si128(v, _mm_or_si128(is_d, is_v)), i);
	}
	return m;
}

/* Bit i of the result is the parity of bits 0 to i. */
static inline uint64_t parity_up_to(uint64_t x)
{
#pragma GCC unroll 6
	for (unsigned shift = 1; shift < 64; shift *= 2)
		x ^= x << shift;
	return x;
}

/*
 * *starts: the bytes of the block at which a token begins, outside of quotes, that may be a key
 * that matters. false: a backslash (escapes), a '|' (CEF), or a quote that does not open a value,
 * so that this way of counting quotes says nothing.
 */
static bool scan_block(const char *p, struct carry *c, uint64_t *starts)
{
	const struct masks m = masks_of(p);
	uint64_t inside = parity_up_to(m.quote) ^ c->quoted; /* closing quotes are outside */
	uint64_t equals = m.equals & ~inside;
	uint64_t space = m.space & ~inside;
	uint64_t begin = (space << 1 | c->start) & ~space;
	uint64_t first, sum;
	bool over;

	/*
	 * The first '=' of each token: a carry runs up to it from where the token begins. (That of
	 * a token without a key is missed; a quote behind it is then none that opens a value.)
	 */
	over = __builtin_add_overflow(~equals, begin & ~equals, &sum);
	over |= __builtin_add_overflow(sum, c->pending, &sum);
	first = sum & equals;

	if (m.odd || (m.quote & inside & ~(first << 1 | c->opener)))
		return false;
	*starts = begin & m.initial;
	c->quoted = 0 - (inside >> 63);
	c->start = space >> 63;
	c->pending = over;
	c->opener = first >> 63;
	return true;
}

/* The length of the key at `k` if it is one that matters, and a '=' follows; else 0. */
static inline uint32_t key_at(const char *k, size_t left)
{
#define STARTS_WITH(literal)                                                                       \
	(left >= sizeof(literal) - 1 && memcmp(k, literal, sizeof(literal) - 1) == 0)
	if (*k == 'v')
		return STARTS_WITH("vd=") ? 2 : 0;
	if (!STARTS_WITH("dev"))
		return 0;
	return STARTS_WITH("devid=")		  ? 5
	       : STARTS_WITH("device_id=")	  ? 9
	       : STARTS_WITH("deviceExternalId=") ? 16
						  : 0;
#undef STARTS_WITH
}

/* Takes what is wanted as long as the text is plain. false: it is not, so far as was needed. */
static bool identity_of_plain(
	const char *log, const char *end, unsigned want, struct text *devid, struct text *vdom)
{
	struct carry c = {.start = 1};
	char tail[64];

	for (const char *p = log; want && p < end; p += 64) {
		const char *block = p;
		uint64_t starts;

		if (end - p < 64) {
			memset(tail, 0, sizeof(tail));
			memcpy(tail, p, (size_t)(end - p));
			block = tail;
		}
		if (!scan_block(block, &c, &starts))
			return false;
		for (; want && starts; starts &= starts - 1) {
			const char *k = p + __builtin_ctzll(starts);
			struct fields_iter it = {.end = end};
			uint32_t n = key_at(k, (size_t)(end - k));

			if (*k & 0x80)
				return false; /* a byte order mark may stand before a key */
			if (n)
				want = take_field(want, false, (struct text){k, n},
					fields_plain_value(&it, k + n + 1), devid, vdom);
		}
	}
	return true;
}

#else

static bool identity_of_plain(
	const char *log, const char *end, unsigned want, struct text *devid, struct text *vdom)
{
	(void)log, (void)end, (void)want, (void)devid, (void)vdom;
	return false;
}

#endif

static void identity(
	const char *log, size_t len, unsigned want, struct text *devid, struct text *vdom)
{
	struct fields_iter it;
	struct text key, value;

	*devid = *vdom = (struct text){NULL, 0};
	fields_begin(&it, log, len);
	if (!memchr(it.at, '=', (size_t)(it.end - it.at)))
		return;
	if (identity_of_plain(it.at, it.end, want, devid, vdom))
		return;
	*devid = *vdom = (struct text){NULL, 0};
	while (want && fields_next(&it, &key, &value))
		want = take_field(want, it.cef, key, value, devid, vdom);
}

void fields_identity(const char *log, size_t len, struct text *devid, struct text *vdom)
{
	identity(log, len, WANT_DEVID | WANT_VDOM, devid, vdom);
}

struct text fields_devid(const char *log, size_t len)
{
	struct text devid, vdom;

	identity(log, len, WANT_DEVID, &devid, &vdom);
	return devid;
}

struct text fields_vdom(const char *log, size_t len)
{
	struct text devid, vdom;

	identity(log, len, WANT_VDOM, &devid, &vdom);
	return vdom;
}
