#include "bench/load/lines.h"

#include <stdlib.h>
#include <string.h>

#include "bench/load/template.h"

struct lines {
	struct plan plan;
	uint32_t count;
	uint64_t bytes;
	char *text;    /* `count` slots of LINES_MAX bytes, in the order of sending */
	uint16_t *len; /* of each slot */
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

static void digits(char *to, unsigned n, uint64_t v)
{
	while (n-- > 0) {
		to[n] = (char)('0' + v % 10);
		v /= 10;
	}
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
	l->text = calloc(l->count, LINES_MAX);
	l->len = calloc(l->count, sizeof(*l->len));
	text = calloc(l->count, LINES_MAX);
	made = calloc(l->count, sizeof(*made));
	if (!l->text || !l->len || !text || !made) {
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

/* Flows begin at places far from each other, each at the begin of a run. */
static uint32_t slot_of(const struct lines *l, uint32_t flow, uint64_t number)
{
	uint64_t start = rng_mix(flow) % (l->count / LINES_RUN) * LINES_RUN;

	return (uint32_t)((start + number) % l->count);
}

uint32_t lines_len(const struct lines *l, uint32_t flow, uint64_t number, uint32_t *run)
{
	uint32_t slot = slot_of(l, flow, number);

	*run = LINES_RUN - slot % LINES_RUN;
	return l->len[slot];
}

uint32_t lines_write(const struct lines *l, uint32_t flow, uint64_t number, char *to)
{
	uint32_t slot = slot_of(l, flow, number);
	uint32_t len = l->len[slot];
	uint32_t device = plan_device(&l->plan, flow, number);
	uint64_t ns = DAY_START_NS + number * NS_A_LOG % 86400000000000u;
	uint64_t s = ns / 1000000000u % 86400u;

	memcpy(to, l->text + (size_t)slot * LINES_MAX, len);
	digits(to + AT_TIME, 2, s / 3600);
	digits(to + AT_TIME + 3, 2, s / 60 % 60);
	digits(to + AT_TIME + 6, 2, s % 60);
	digits(to + AT_DEVNAME, 8, device);
	memcpy(to + AT_DEVID, to + AT_DEVNAME, 8);
	digits(to + AT_EVENTTIME, 19, ns);
	digits(to + len - 10, 10, number);
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
