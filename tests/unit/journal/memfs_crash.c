/* What is left on the disk when the power goes, or the process dies. */
#include <stdlib.h>

#include "tests/unit/journal/memfs_internal.h"

#define SECTOR 512u

/*
 * Any subset of the changes, writes torn at sectors. Three tempers: nearly all of it arrived,
 * nearly nothing, or half.
 */
static void crash_file(struct inode *f, uint64_t *rnd)
{
	unsigned temper = (unsigned)(memfs_random(rnd) >> 20) % 3;
	unsigned odds = temper == 0 ? 250 : temper == 1 ? 6 : 128;

	for (unsigned i = 0; i < f->change_count; i++) {
		struct change *c = &f->changes[i];

		if (c->truncate) {
			if ((memfs_random(rnd) >> 24 & 255) < odds)
				disk_change_apply(&f->durable, c);
			continue;
		}
		for (uint64_t at = c->off; at < c->off + c->len;) {
			uint64_t end = at / SECTOR * SECTOR + SECTOR;

			if (end > c->off + c->len)
				end = c->off + c->len;
			if ((memfs_random(rnd) >> 24 & 255) < odds)
				disk_bytes_write(
					&f->durable, at, c->data + (at - c->off), end - at);
			at = end;
		}
	}
	for (unsigned i = 0; i < f->change_count; i++)
		disk_change_free(&f->changes[i]);
	f->change_count = 0;
	free(f->now.p);
	disk_bytes_copy(&f->now, &f->durable);
	f->locked = false;
}

/* A machine that goes on with this disk. */
static struct memfs *go_on(const struct memfs *m, struct disk *d, uint64_t rnd)
{
	struct memfs *c = memfs_new();

	disk_free(&c->disk);
	c->disk = *d;
	free(d);
	c->random = rnd | 1;
	c->mono_us = m->mono_us;
	c->wall_ns = m->wall_ns;
	return c;
}

struct memfs *memfs_kill(const struct memfs *m)
{
	return go_on(m, disk_copy(m->picture ? m->picture : &m->disk), m->random);
}

struct memfs *memfs_crash(const struct memfs *m, uint64_t seed)
{
	const struct disk *from = m->picture ? m->picture : &m->disk;
	struct disk *d = disk_copy(from);
	uint64_t rnd = seed * 0x9e3779b97f4a7c15ull + 88172645463325252ull;

	for (unsigned i = 0; i < d->inode_count; i++)
		crash_file(&d->inodes[i], &rnd);
	for (unsigned i = 0; i < d->op_count; i++)
		if (memfs_random(&rnd) >> 24 & 1)
			disk_op_apply(&d->durable, &d->ops[i]);
	d->op_count = 0;
	free(d->now.v);
	disk_names_copy(&d->now, &d->durable);
	return go_on(m, d, rnd);
}
