/* Bytes and names on the disk, those that are there and those that are durable. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/journal/memfs_internal.h"

void disk_bytes_size(struct bytes *b, uint64_t len)
{
	if (len > b->cap) {
		b->cap = len + len / 2 + 4096;
		b->p = realloc(b->p, b->cap);
		assert(b->p);
	}
	if (len > b->len)
		memset(b->p + b->len, 0, len - b->len);
	b->len = len;
}

void disk_bytes_write(struct bytes *b, uint64_t off, const void *data, uint64_t len)
{
	if (off + len > b->len)
		disk_bytes_size(b, off + len);
	if (len && b->p)
		memcpy(b->p + off, data, len);
}

void disk_bytes_copy(struct bytes *to, const struct bytes *from)
{
	*to = (struct bytes){NULL, 0, 0};
	disk_bytes_write(to, 0, from->p, from->len);
}

static int name_find(const struct names *n, const char *path)
{
	for (unsigned i = 0; i < n->n; i++)
		if (strcmp(n->v[i].path, path) == 0)
			return (int)i;
	return -1;
}

int disk_lookup(const struct names *n, const char *path)
{
	int i = name_find(n, path);

	return i < 0 ? -1 : n->v[i].inode;
}

void disk_name_set(struct names *n, const char *path, int inode)
{
	int i = name_find(n, path);

	if (inode < 0) {
		if (i >= 0)
			n->v[i] = n->v[--n->n];
		return;
	}
	if (i < 0) {
		n->v = realloc(n->v, ((size_t)n->n + 1) * sizeof(*n->v));
		assert(n->v);
		i = (int)n->n++;
		snprintf(n->v[i].path, sizeof(n->v[i].path), "%s", path);
	}
	n->v[i].inode = inode;
}

int disk_inode_new(struct disk *d, bool is_dir)
{
	d->inodes = realloc(d->inodes, (d->inode_count + 1) * sizeof(*d->inodes));
	assert(d->inodes);
	memset(&d->inodes[d->inode_count], 0, sizeof(*d->inodes));
	d->inodes[d->inode_count].is_dir = is_dir;
	return (int)d->inode_count++;
}

void disk_change_free(struct change *c)
{
	free(c->data);
}

void disk_change_apply(struct bytes *b, const struct change *c)
{
	if (c->truncate)
		disk_bytes_size(b, c->len);
	else
		disk_bytes_write(b, c->off, c->data, c->len);
}

void disk_free(struct disk *d)
{
	for (unsigned i = 0; i < d->inode_count; i++) {
		for (unsigned k = 0; k < d->inodes[i].change_count; k++)
			disk_change_free(&d->inodes[i].changes[k]);
		free(d->inodes[i].changes);
		free(d->inodes[i].now.p);
		free(d->inodes[i].durable.p);
	}
	free(d->inodes);
	free(d->now.v);
	free(d->durable.v);
	free(d->ops);
	memset(d, 0, sizeof(*d));
}

void disk_names_copy(struct names *to, const struct names *from)
{
	to->n = from->n;
	to->v = malloc(((size_t)from->n + 1) * sizeof(*to->v));
	assert(to->v);
	if (from->n)
		memcpy(to->v, from->v, from->n * sizeof(*to->v));
}

struct disk *disk_copy(const struct disk *d)
{
	struct disk *c = calloc(1, sizeof(*c));

	assert(c);
	c->inodes = calloc(d->inode_count + 1, sizeof(*c->inodes));
	c->ops = calloc(d->op_count + 1, sizeof(*c->ops));
	assert(c->inodes && c->ops);
	c->inode_count = d->inode_count;
	c->op_count = d->op_count;
	if (d->op_count)
		memcpy(c->ops, d->ops, d->op_count * sizeof(*c->ops));
	disk_names_copy(&c->now, &d->now);
	disk_names_copy(&c->durable, &d->durable);
	for (unsigned i = 0; i < d->inode_count; i++) {
		const struct inode *f = &d->inodes[i];
		struct inode *t = &c->inodes[i];

		t->is_dir = f->is_dir;
		disk_bytes_copy(&t->now, &f->now);
		disk_bytes_copy(&t->durable, &f->durable);
		t->change_count = f->change_count;
		t->changes = calloc(f->change_count + 1, sizeof(*t->changes));
		assert(t->changes);
		for (unsigned k = 0; k < f->change_count; k++) {
			t->changes[k] = f->changes[k];
			if (f->changes[k].data) {
				t->changes[k].data = malloc(f->changes[k].len + 1);
				assert(t->changes[k].data);
				memcpy(t->changes[k].data, f->changes[k].data, f->changes[k].len);
			}
		}
	}
	return c;
}

void disk_change_add(struct inode *f, const struct change *c)
{
	f->changes = realloc(f->changes, (f->change_count + 1) * sizeof(*f->changes));
	assert(f->changes);
	f->changes[f->change_count++] = *c;
	disk_change_apply(&f->now, c);
}

static void dir_of(const char *path, char dir[200])
{
	const char *slash = strrchr(path, '/');

	snprintf(dir, 200, "%.*s", slash ? (int)(slash - path) : 0, path);
}

void disk_op_add(struct disk *d, const char *path, const char *from, int inode)
{
	struct op *o;

	d->ops = realloc(d->ops, (d->op_count + 1) * sizeof(*d->ops));
	assert(d->ops);
	o = &d->ops[d->op_count++];
	memset(o, 0, sizeof(*o));
	dir_of(path, o->dir);
	snprintf(o->path, sizeof(o->path), "%s", path);
	if (from)
		snprintf(o->from, sizeof(o->from), "%s", from);
	o->inode = inode;
}

void disk_op_apply(struct names *n, const struct op *o)
{
	if (o->from[0])
		disk_name_set(n, o->from, -1);
	disk_name_set(n, o->path, o->inode);
}
