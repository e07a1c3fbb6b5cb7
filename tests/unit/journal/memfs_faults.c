/* Which call fails, and how; and the moment at which the power goes. */
#include <errno.h>

#include "tests/unit/journal/memfs_internal.h"

int memfs_strike(struct memfs *m, enum kind kind, bool *half)
{
	uint64_t n = ++m->calls;
	bool here = m->fail_at && n == m->fail_at;
	bool on = m->fail_at && n >= m->fail_at;

	if (m->cut_at && n >= m->cut_at) {
		if (!m->picture)
			m->picture = disk_copy(&m->disk);
		return -EIO;
	}
	if (here)
		m->struck = true;
	switch (m->fault) {
	case MEMFS_EIO:
		return here ? -EIO : 0;
	case MEMFS_ENOSPC:
		return here ? (kind == TAKES_SPACE ? -ENOSPC : -EIO) : 0;
	case MEMFS_SHORT:
		if (half)
			*half = here;
		return 0;
	case MEMFS_SLOW:
		m->slow = here;
		return 0;
	case MEMFS_EIO_ON:
		return on && kind != READS ? -EIO : 0;
	case MEMFS_ENOSPC_ON:
		return on && kind == TAKES_SPACE ? -ENOSPC : 0;
	case MEMFS_READ_ONLY_ON:
		return on && kind != READS ? -EROFS : 0;
	case MEMFS_POWER_CUT:
		if (here && !m->picture)
			m->picture = disk_copy(&m->disk);
		return on ? -EIO : 0;
	case MEMFS_EIO_DEATH:
		if (on && !here && !m->picture)
			m->picture = disk_copy(&m->disk);
		return on ? -EIO : 0;
	default:
		return 0;
	}
}

uint64_t memfs_calls(const struct memfs *m)
{
	return m->calls;
}

void memfs_fail(struct memfs *m, uint64_t at, enum memfs_fault fault)
{
	m->fail_at = at;
	m->fault = fault;
	m->struck = false;
}

void memfs_cut(struct memfs *m, uint64_t at)
{
	m->cut_at = at;
}

bool memfs_was_cut(const struct memfs *m)
{
	return m->picture != NULL;
}

bool memfs_failed(const struct memfs *m)
{
	return m->struck;
}

void memfs_refuse_truncate(struct memfs *m)
{
	m->refuse_truncate = true;
}

void memfs_repair(struct memfs *m)
{
	m->refuse_truncate = false;
	m->fault = MEMFS_NO_FAULT;
	m->fail_at = 0;
}
