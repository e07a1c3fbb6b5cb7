/*
 * The RELP server on any bytes. Input: max_len, seed of the cuts, stream. Whatever the cuts, and
 * whenever logs become durable, the same logs come out and the same answers go out in the end;
 * aborts where there is no progress, where more is consumed than there is, or where a log is
 * answered that is not durable.
 */
#include "dataplane/framing/relp.h"
#include "tests/unit/framing/deliver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct relp r;
	struct tape logs, said;
	uint64_t seed;	  /* 0: all at once */
	uint64_t stored;  /* ordinal of the last log */
	uint64_t waiting; /* of the first one that is not durable; 0: all are */
};

static void speak(struct run *run, size_t most)
{
	uint8_t buf[512];
	size_t n = relp_answers(&run->r, buf, most < sizeof(buf) ? most : sizeof(buf));

	if ((n > 0) != (relp_due(&run->r) && most > 0))
		abort();
	for (size_t i = 0; i < n; i++)
		tape_add(&run->said, 0, buf + i, 1);
	relp_sent(&run->r, n);
	if (run->waiting && run->r.answered >= run->waiting)
		abort();
}

/* true: something became durable or was said. */
static bool go_on(struct run *run)
{
	uint64_t answered = run->r.answered;

	relp_durable(&run->r, run->stored);
	run->waiting = 0;
	while (relp_due(&run->r))
		speak(run, run->seed ? 1 + random_below(&run->seed, 300) : 512);
	return run->r.answered != answered;
}

static size_t feed(struct run *run, const uint8_t *stream, size_t len)
{
	size_t there = run->seed ? 0 : len, at = 0;

	for (;;) {
		struct framing_span whole = {stream + at, (uint32_t)(there - at)};
		struct scattered s = {.n = 0};
		enum relp_result rc;
		struct frame f;

		if (run->seed) {
			scatter(&s, whole.data, whole.len, &run->seed);
			rc = relp_next(&run->r, s.v, s.n, &f);
		} else {
			rc = relp_next(&run->r, &whole, whole.len > 0, &f);
		}
		scattered_free(&s);
		switch (rc) {
		case RELP_MORE:
			if (there == len)
				return at;
			there += 1 + random_below(&run->seed, (uint32_t)(len - there));
			continue;
		case RELP_WAIT:
			if (!go_on(run))
				abort();
			continue;
		case RELP_CLOSED:
		case RELP_BROKEN:
			return at;
		case RELP_LOG:
			if (f.len == 0 || f.len > run->r.max_len || f.skip + f.len > f.total)
				abort();
			tape_add(&run->logs, f.flags, whole.data + f.skip, f.len);
			run->stored = relp_ordinal(&run->r);
			if (!run->waiting)
				run->waiting = run->stored;
			break;
		case RELP_SKIP:
			break;
		}
		if (f.total == 0 || f.total > whole.len)
			abort();
		at += f.total;
		if (run->seed && random_below(&run->seed, 3) == 0)
			go_on(run);
		else if (run->seed)
			speak(run, random_below(&run->seed, 20));
	}
}

static struct run whole_run(const uint8_t *p, size_t len, uint32_t max_len, uint64_t seed)
{
	struct run run = {.seed = seed};

	relp_init(&run.r, max_len);
	feed(&run, p, len);
	go_on(&run);
	relp_goodbye(&run.r);
	go_on(&run);
	return run;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t max_lens[] = {1, 2, 3, 8, 16, 64, 1000, 65536};
	struct run all;

	if (size < 2 || size > 4096)
		return 0;
	all = whole_run(data + 2, size - 2, max_lens[data[0] % 8], 0);
	for (uint64_t i = 1; i <= 3; i++) {
		struct run cut = whole_run(
			data + 2, size - 2, max_lens[data[0] % 8], data[1] * 2654435761u + i);

		if (!tape_equal(&all.logs, &cut.logs) || !tape_equal(&all.said, &cut.said) ||
			all.r.state != cut.r.state)
			abort();
		tape_free(&cut.logs);
		tape_free(&cut.said);
	}
	tape_free(&all.logs);
	tape_free(&all.said);
	return 0;
}
