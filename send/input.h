/*
 * Where logs come from: files and stdin, read to their end and only as fast as there is room, and
 * local syslog, which does not wait. Lines become items: those that are there at a time, of one
 * category and one vdom.
 */
#ifndef SLUICE_SEND_INPUT_H
#define SLUICE_SEND_INPUT_H

#include "dataplane/client/spill_code.h"
#include "dataplane/framing/framing.h"
#include "send/settings.h"
#include "send/watch.h"

#define INPUT_LINE_MAX 65536u /* bytes of a log; what is longer is cut, and counted */
#define INPUT_CHUNK    (4u * INPUT_LINE_MAX)

struct input;

struct input_stats {
	uint64_t logs, cut, read_errors;
};

struct input_config {
	const struct settings *settings;
	int epoll;
	/* An item is there; `from` is NULL where it comes from no file. */
	void (*item)(void *ctx, const struct client_item *item, const struct spill_input *from);
	/* Where reading begins. */
	uint64_t (*offset)(void *ctx, uint64_t dev, uint64_t ino);
	/* No more can be taken in this round; what is in the making (one item) still comes. */
	bool (*full)(void *ctx);
	void *ctx;
};

/* Files by their paths ("-": stdin), then what the settings say. NULL with a line in `err`. */
struct input *input_new(
	const struct input_config *cfg, char *const *paths, int n, char *err, size_t size);
void input_free(struct input *in);

/*
 * `room`: may files be read? `live`: may syslog be taken (else it waits in the kernel)? Called
 * every round. true: there is more to read without waiting.
 */
bool input_run(struct input *in, bool room, bool live);

/* All files and stdin were read to their ends, and there is no syslog. */
bool input_ended(const struct input *in);
void input_stats(const struct input *in, struct input_stats *st);

#endif
