#include "dataplane/carry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int carry_pool_init(struct carry_pool *p, uint32_t buffers)
{
	memset(p, 0, sizeof(*p));
	p->all = calloc(buffers, sizeof(*p->all));
	p->size = buffers;
	return p->all ? 0 : -1;
}

void carry_pool_fini(struct carry_pool *p)
{
	free(p->all);
	memset(p, 0, sizeof(*p));
}

bool carry_room(const struct carry_pool *p, uint32_t bytes)
{
	return p->size - p->used >= bytes / CARRY_DATA + 1;
}

static struct carry_buf *get(struct carry_pool *p)
{
	struct carry_buf *b = p->free;

	if (b) {
		p->free = b->next;
	} else {
		assert(p->touched < p->size);
		b = &p->all[p->touched++];
	}
	p->used++;
	b->next = NULL;
	b->from = b->to = 0;
	return b;
}

unsigned carry_spans(const struct carry *c, struct framing_span *v, unsigned n)
{
	unsigned k = 0;

	for (const struct carry_buf *b = c->head; b && k < n; b = b->next)
		v[k++] = (struct framing_span){b->data + b->from, b->to - b->from};
	return k;
}

void carry_add(struct carry_pool *p, struct carry *c, const uint8_t *data, uint32_t len)
{
	c->len += len;
	p->bytes += len;
	while (len > 0) {
		uint32_t n;

		if (!c->tail || c->tail->to == CARRY_DATA) {
			struct carry_buf *b = get(p);

			if (c->tail)
				c->tail->next = b;
			else
				c->head = b;
			c->tail = b;
		}
		n = CARRY_DATA - c->tail->to < len ? CARRY_DATA - c->tail->to : len;
		memcpy(c->tail->data + c->tail->to, data, n);
		c->tail->to += n;
		data += n;
		len -= n;
	}
}

uint32_t carry_take(struct carry_pool *p, struct carry *c, uint32_t len)
{
	uint32_t left = len < c->len ? len : c->len, taken = left;

	c->len -= taken;
	p->bytes -= taken;
	while (c->head && (left > 0 || c->head->from == c->head->to)) {
		struct carry_buf *b = c->head;
		uint32_t n = b->to - b->from < left ? b->to - b->from : left;

		b->from += n;
		left -= n;
		if (b->from < b->to)
			break;
		c->head = b->next;
		if (!c->head)
			c->tail = NULL;
		b->next = p->free;
		p->free = b;
		p->used--;
	}
	return taken;
}
