#include "dataplane/net/frag.h"

#include <assert.h>
#include <stdlib.h>

bool frag_table_init(struct frag_table *t, const struct net_config *cfg)
{
	uint32_t n = cfg->max_datagrams;
	uint32_t buckets = 16;

	memset(t, 0, sizeof(*t));
	while (buckets < n)
		buckets *= 2;
	t->key = cfg->key;
	t->mask = buckets - 1;
	t->max_source = cfg->max_datagrams_source;
	t->free = t->oldest = t->newest = t->page_free = FRAG_NONE;
	t->page_count = (uint32_t)(cfg->max_reassembly_bytes / FRAG_PAGE);
	t->d = malloc((n + 1) * sizeof(*t->d));
	t->by_key = malloc(buckets * sizeof(*t->by_key));
	t->by_src = malloc(buckets * sizeof(*t->by_src));
	t->pages = malloc((size_t)t->page_count * FRAG_PAGE + 1);
	t->page_next = malloc((t->page_count + 1) * sizeof(*t->page_next));
	t->whole = malloc(FRAG_WHOLE);
	if (!t->d || !t->by_key || !t->by_src || !t->pages || !t->page_next || !t->whole)
		return false;
	for (uint32_t b = 0; b < buckets; b++)
		t->by_key[b] = t->by_src[b] = FRAG_NONE;
	for (uint32_t i = n; i-- > 0;) {
		t->d[i].next_key = t->free;
		t->free = i;
	}
	for (uint32_t i = t->page_count; i-- > 0;) {
		t->page_next[i] = t->page_free;
		t->page_free = i;
	}
	return true;
}

void frag_table_free(struct frag_table *t)
{
	free(t->d);
	free(t->by_key);
	free(t->by_src);
	free(t->pages);
	free(t->page_next);
	free(t->whole);
}

static uint32_t *key_bucket(const struct frag_table *t, const struct frag_key *key)
{
	return &t->by_key[siphash13(&t->key, key, sizeof(*key)) & t->mask];
}

static uint32_t *src_bucket(const struct frag_table *t, const struct ip_addr *src)
{
	return &t->by_src[siphash13(&t->key, src, sizeof(*src)) & t->mask];
}

uint32_t frag_find(const struct frag_table *t, const struct frag_key *key)
{
	uint32_t i = *key_bucket(t, key);

	while (i != FRAG_NONE && memcmp(&t->d[i].key, key, sizeof(*key)) != 0)
		i = t->d[i].next_key;
	return i;
}

uint32_t frag_source_full(const struct frag_table *t, const struct ip_addr *src)
{
	uint32_t count = 0, last = FRAG_NONE;

	/* New ones enter at the head: the last is the oldest. */
	for (uint32_t i = *src_bucket(t, src); i != FRAG_NONE; i = t->d[i].next_src)
		if (ip_addr_equal(&t->d[i].key.src, src)) {
			count++;
			last = i;
		}
	return count >= t->max_source ? last : FRAG_NONE;
}

uint32_t frag_create(struct frag_table *t, const struct frag_key *key, uint64_t deadline)
{
	uint32_t i = t->free;
	uint32_t *bucket = key_bucket(t, key);
	uint32_t *src = src_bucket(t, &key->src);
	struct frag_datagram *d;

	assert(i != FRAG_NONE);
	d = &t->d[i];
	t->free = d->next_key;
	memset(d, 0, offsetof(struct frag_datagram, hdr));
	memset(d->page, 0xff, sizeof(d->page));
	d->key = *key;
	d->deadline = deadline;
	d->next_key = *bucket;
	*bucket = i;
	d->next_src = *src;
	*src = i;
	d->older = t->newest;
	d->newer = FRAG_NONE;
	if (t->newest == FRAG_NONE)
		t->oldest = i;
	else
		t->d[t->newest].newer = i;
	t->newest = i;
	return i;
}

bool frag_take_page(struct frag_table *t, struct frag_datagram *d, uint32_t k)
{
	uint32_t page = t->page_free;

	if (page == FRAG_NONE)
		return false;
	t->page_free = t->page_next[page];
	t->pages_used++;
	d->page[k] = page;
	return true;
}

void frag_free_pages(struct frag_table *t, struct frag_datagram *d)
{
	for (unsigned k = 0; k < FRAG_PAGES; k++) {
		if (d->page[k] == FRAG_NONE)
			continue;
		t->page_next[d->page[k]] = t->page_free;
		t->page_free = d->page[k];
		d->page[k] = FRAG_NONE;
		t->pages_used--;
	}
}

void frag_remove(struct frag_table *t, uint32_t i)
{
	struct frag_datagram *d = &t->d[i];
	uint32_t *link;

	frag_free_pages(t, d);
	for (link = key_bucket(t, &d->key); *link != i; link = &t->d[*link].next_key)
		assert(*link != FRAG_NONE);
	*link = d->next_key;
	for (link = src_bucket(t, &d->key.src); *link != i; link = &t->d[*link].next_src)
		assert(*link != FRAG_NONE);
	*link = d->next_src;
	if (d->older == FRAG_NONE)
		t->oldest = d->newer;
	else
		t->d[d->older].newer = d->newer;
	if (d->newer == FRAG_NONE)
		t->newest = d->older;
	else
		t->d[d->newer].older = d->older;
	d->next_key = t->free;
	t->free = i;
}

/* The run of bytes at `off` that lies in one page, at most `len` long. */
static uint8_t *run_at(const struct frag_table *t, const struct frag_datagram *d, uint32_t off,
	uint32_t len, uint32_t *n)
{
	uint32_t in_page = off % FRAG_PAGE;

	*n = FRAG_PAGE - in_page < len ? FRAG_PAGE - in_page : len;
	return t->pages + (size_t)d->page[off / FRAG_PAGE] * FRAG_PAGE + in_page;
}

void frag_read(const struct frag_table *t, const struct frag_datagram *d, uint32_t off, uint8_t *to,
	uint32_t len)
{
	for (uint32_t n; len > 0; to += n, off += n, len -= n) {
		const uint8_t *run = run_at(t, d, off, len, &n);

		memcpy(to, run, n);
	}
}

void frag_write(const struct frag_table *t, const struct frag_datagram *d, uint32_t off,
	const uint8_t *from, uint32_t len)
{
	for (uint32_t n; len > 0; from += n, off += n, len -= n) {
		uint8_t *run = run_at(t, d, off, len, &n);

		memcpy(run, from, n);
	}
}

bool frag_equal(const struct frag_table *t, const struct frag_datagram *d, uint32_t off,
	const uint8_t *with, uint32_t len)
{
	for (uint32_t n; len > 0; with += n, off += n, len -= n) {
		const uint8_t *run = run_at(t, d, off, len, &n);

		if (memcmp(run, with, n) != 0)
			return false;
	}
	return true;
}
