#include "bench/load/lines.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/load/template.h"
#include "dataplane/base/bytes.h"

/* What does not change from log to log of a flow. */
struct share {
	uint32_t start; /* the slot of its log 0 */
	uint32_t device, devices;
};

struct lines {
	struct plan plan;
	uint32_t count;
	uint64_t bytes;
	char *text;    /* `count` slots of LINES_MAX bytes, in the order of sending */
	uint16_t *len; /* of each slot */
	struct share *shares;
};

/* Where what changes from line to line stands; the same in every template. */
enum {
	AT_TIME = sizeof("<189>date=2026-11-21 time=") - 1,
	AT_DEVNAME = AT_TIME + sizeof("10:00:00 devname=\"fw-") - 1,
	AT_DEVID = AT_DEVNAME + sizeof("00000000\" devid=\"FGT60FTK") - 1,
	AT_EVENTTIME = AT_DEVID + sizeof("00000000\" eventtime=") - 1,
	AT_BODY = AT_EVENTTIME + sizeof("1795255200000000000") - 1,
};
_Static_assert(AT_BODY == TEMPLATE_HEAD, "the head of a template");
#define TAIL	 " lognum=0000000000"
#define TAIL_LEN (sizeof(TAIL) - 1)
_Static_assert(TAIL_LEN == TEMPLATE_TAIL, "the tail of a template");

#define DAY_START_NS 1795219200000000000u /* 2026-11-21T00:00:00Z */
#define NS_A_LOG     997003u		  /* about a thousand logs a second of a device */

#define AHEAD	     2u /* slots; fewer than a run */
#define CACHE_LINE   64u
#define HUGE_PAGE    (2u << 20)

/*
 * Eight digits, the first in the lowest byte: halves, quarters and digits are parted side by side
 * in one register, each division by a constant a multiplication whose shift is exact for these
 * sizes.
 */
static uint64_t eight(uint32_t v)
{
	uint64_t fours = v / 10000 | (uint64_t)(v % 10000) << 32;
	uint64_t hundreds = (fours * 10486 >> 20) & 0x0000007f0000007fu;
	uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
	uint64_t tens = (twos * 103 >> 10) & 0x000f000f000f000fu;

	return (tens | (twos - 10 * tens) << 8) + 0x3030303030303030u;
}

/* The last `n` (up to 8) digits of a number of at most 8. */
static inline void digits(char *to, unsigned n, uint32_t v)
{
	uint64_t text = eight(v) >> (64 - 8 * n);

	memcpy(to, &text, n);
}

/* 8 + `n` of them. */
static inline void more_digits(char *to, unsigned n, uint64_t v)
{
	digits(to, n, (uint32_t)(v / 100000000u));
	digits(to + n, 8, (uint32_t)(v % 100000000u));
}

static bool read_digits(const char *at, unsigned n, uint64_t *v)
{
	*v = 0;
	for (unsigned i = 0; i < n; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		*v = *v * 10 + (uint64_t)(at[i] - '0');
	}
	return true;
}

struct made {
	uint32_t index;
	uint16_t len;
};

static int by_length(const void *a, const void *b)
{
	const struct made *x = a;
	const struct made *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

/*
 * Sorted by length and cut into runs; within a run the few shorter ones are filled up to the
 * longest, with the same number of bytes of text that a longer message would have.
 */
static void arrange(struct lines *l, struct made *made, const char *text, struct rng *r)
{
	uint32_t runs = l->count / LINES_RUN;
	uint32_t *order = calloc(runs + 1u, sizeof(*order));

	if (!order)
		abort();
	qsort(made, l->count, sizeof(*made), by_length);
	for (uint32_t i = 0; i < runs; i++) {
		uint32_t j = rng_below(r, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (uint32_t run = 0; run < runs; run++) {
		const struct made *from = made + (size_t)order[run] * LINES_RUN;
		uint16_t len = from[LINES_RUN - 1].len;

		for (uint32_t i = 0; i < LINES_RUN; i++) {
			uint32_t slot = run * LINES_RUN + i;
			char *to = l->text + (size_t)slot * LINES_MAX;

			memcpy(to, text + (size_t)from[i].index * LINES_MAX, from[i].len);
			template_stretch(to, from[i].len, len, r);
			memcpy(to + len - TAIL_LEN, TAIL, TAIL_LEN);
			l->len[slot] = len;
			l->bytes += len;
		}
	}
	free(order);
}

/* Flows begin at places far from each other, each at the begin of a run. */
static struct share *shares_of(const struct plan *p, uint32_t runs)
{
	struct share *v = calloc(p->flows, sizeof(*v));

	for (uint32_t f = 0; v && f < p->flows; f++)
		v[f] = (struct share){
			.start = (uint32_t)(rng_mix(f) % runs * LINES_RUN),
			.device = plan_first(p, f),
			.devices = plan_first(p, f + 1) - plan_first(p, f),
		};
	return v;
}

/* In huge pages where the kernel has some to give: templates by the ten thousand are read one after
 * another, and each would cost a walk through the page tables. */
static char *huge(size_t size)
{
	size_t whole = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	char *p = aligned_alloc(HUGE_PAGE, whole);

	if (p)
		madvise(p, whole, MADV_HUGEPAGE);
	return p;
}

struct lines *lines_new(uint64_t seed, uint32_t templates, const struct plan *plan)
{
	struct lines *l = calloc(1, sizeof(*l));
	struct made *made = NULL;
	char *text = NULL;
	struct rng r;

	if (!l)
		return NULL;
	l->plan = *plan;
	l->count = (templates + LINES_RUN - 1) / LINES_RUN * LINES_RUN;
	l->text = huge((size_t)l->count * LINES_MAX);
	l->len = calloc(l->count, sizeof(*l->len));
	l->shares = shares_of(plan, l->count / LINES_RUN);
	text = calloc(l->count, LINES_MAX);
	made = calloc(l->count, sizeof(*made));
	if (!l->text || !l->len || !l->shares || !text || !made) {
		lines_free(l);
		l = NULL;
	} else {
		rng_seed(&r, seed);
		for (uint32_t i = 0; i < l->count; i++) {
			made[i].index = i;
			made[i].len = template_make(text + (size_t)i * LINES_MAX, &r);
		}
		arrange(l, made, text, &r);
	}
	free(text);
	free(made);
	return l;
}

void lines_free(struct lines *l)
{
	if (!l)
		return;
	free(l->text);
	free(l->len);
	free(l->shares);
	free(l);
}

uint32_t lines_count(const struct lines *l)
{
	return l->count;
}

double lines_mean(const struct lines *l)
{
	return (double)l->bytes / l->count;
}

static uint32_t slot_of(const struct lines *l, uint32_t flow, uint64_t number)
{
	return (uint32_t)((l->shares[flow].start + number) % l->count);
}

uint32_t lines_len(const struct lines *l, uint32_t flow, uint64_t number, uint32_t *run)
{
	uint32_t slot = slot_of(l, flow, number);

	*run = LINES_RUN - slot % LINES_RUN;
	return l->len[slot];
}

/* All templates are more than a cache holds: what the flow's next logs are made of comes meanwhile.
 */
static inline void fetch_ahead(const struct lines *l, uint32_t slot)
{
	uint32_t next = slot + AHEAD < l->count ? slot + AHEAD : slot + AHEAD - l->count;
	const char *text = l->text + (size_t)next * LINES_MAX;

	for (uint32_t k = 0; k < l->len[next]; k += CACHE_LINE)
		__builtin_prefetch(text + k);
}

uint32_t lines_write(const struct lines *l, uint32_t flow, uint64_t number, char *to)
{
	const struct share *share = &l->shares[flow];
	uint32_t slot = slot_of(l, flow, number);
	uint32_t len = l->len[slot];
	uint64_t ns = DAY_START_NS + number * NS_A_LOG % 86400000000000u;
	uint32_t s = (uint32_t)(ns / 1000000000u % 86400u);
	char time[6];

	fetch_ahead(l, slot);
	memcpy(to, l->text + (size_t)slot * LINES_MAX, len);
	digits(time, 6, s / 3600 * 10000 + s / 60 % 60 * 100 + s % 60);
	memcpy(to + AT_TIME, time, 2);
	memcpy(to + AT_TIME + 3, time + 2, 2);
	memcpy(to + AT_TIME + 6, time + 4, 2);
	digits(to + AT_DEVNAME, 8, share->device + (uint32_t)(number % share->devices));
	memcpy(to + AT_DEVID, to + AT_DEVNAME, 8);
	more_digits(to + AT_EVENTTIME + 3, 8, ns % 10000000000000000u);
	digits(to + AT_EVENTTIME, 3, (uint32_t)(ns / 10000000000000000u));
	more_digits(to + len - 10, 2, number);
	return len;
}

void lines_serial(uint32_t device, char serial[17])
{
	memcpy(serial, "FGT60FTK00000000", 17);
	digits(serial + 8, 8, device);
}

bool lines_parse(const char *log, size_t len, uint32_t *device, uint64_t *number)
{
	uint64_t d;

	if (len < LINES_MIN || len > LINES_MAX)
		return false;
	if (memcmp(log + AT_DEVID - 8, "FGT60FTK", 8) != 0 ||
		memcmp(log + len - TAIL_LEN, TAIL, TAIL_LEN - 10) != 0)
		return false;
	if (!read_digits(log + AT_DEVID, 8, &d) || !read_digits(log + len - 10, 10, number))
		return false;
	*device = (uint32_t)d;
	return true;
}
