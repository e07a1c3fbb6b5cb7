/* `reliable disable`: logs leave as EC CF records, and nobody says whether they came. */
#include <assert.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/client/client_priv.h"
#include "dataplane/framing/eccf.h"

#define RECORD_LOGS  512u
#define RECORD_BYTES 1400u /* goes through any network in one piece; a longer log does not */

static struct text text_of(const char *word)
{
	return (struct text){word, word ? (uint32_t)strlen(word) : 0};
}

/* Some of the item's logs are gone: sent, or (`dropped`) too long for any record. */
static void pass(struct client *c, const struct queue_item *i, uint32_t logs, bool dropped)
{
	struct client_udp *u = &c->udp;
	struct queue_item was;
	uint32_t bytes = 0;

	for (uint32_t k = 0; k < logs; k++)
		bytes += load_be32(queue_lengths(i) + 4u * (u->logs + k));
	if (!dropped)
		pace_spend(&c->pace, bytes);
	u->logs += logs;
	u->bytes += bytes;
	u->dropped += dropped ? logs : 0;
	if (u->logs < i->count)
		return;
	queue_pop(&c->q, &was);
	c->dropped += u->dropped;
	c->confirmed_logs += was.count - u->dropped;
	c->changes++;
}

size_t client_datagram(struct client *c, uint8_t *to, size_t size, uint32_t time_s, uint64_t now)
{
	struct client_udp *u = &c->udp;
	struct queue_item *i;

	while (c->cfg.unreliable && (i = next_to_go(c, now)) != NULL) {
		struct eccf head = {.devid = text_of(c->cfg.serial),
			.devname = text_of(c->cfg.hostname),
			.vdom = {(const char *)queue_vdom(i), i->vdom_len},
			.time_s = time_s};
		uint32_t lengths[RECORD_LOGS], n, took;
		size_t len;

		if (u->place != i->place || u->logs >= i->count)
			*u = (struct client_udp){.place = i->place};
		assert(u->logs < i->count);
		n = i->count - u->logs < RECORD_LOGS ? i->count - u->logs : RECORD_LOGS;
		for (uint32_t k = 0; k < n; k++)
			lengths[k] = load_be32(queue_lengths(i) + 4u * (u->logs + k));
		len = eccf_build(&head, queue_logs(i) + u->bytes, lengths, n, to,
			size < RECORD_BYTES ? size : RECORD_BYTES, &took);
		if (took == 0)
			len = eccf_build(
				&head, queue_logs(i) + u->bytes, lengths, 1, to, size, &took);
		if (took == 0) {
			pass(c, i, 1, true);
			continue;
		}
		pass(c, i, took, false);
		return len;
	}
	return 0;
}
