#include "dataplane/hugepages.h"

#include <dirent.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Calls `at` with each place where a hugetlbfs is mounted; how many there are. */
static unsigned each_mount(void (*at)(const char *dir, const char *prefix), const char *prefix)
{
	FILE *f = setmntent("/proc/mounts", "re");
	char text[4096];
	struct mntent m;
	unsigned n = 0;

	if (!f)
		return 0;
	while (getmntent_r(f, &m, text, sizeof(text))) {
		if (strcmp(m.mnt_type, "hugetlbfs") != 0)
			continue;
		if (at)
			at(m.mnt_dir, prefix);
		n++;
	}
	endmntent(f);
	return n;
}

bool hugepages_free(uint32_t mib)
{
	unsigned long pages = 0, kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");
	char line[160];

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "HugePages_Free:", 15) == 0)
			pages = strtoul(line + 15, NULL, 10);
		if (strncmp(line, "Hugepagesize:", 13) == 0)
			kib = strtoul(line + 13, NULL, 10);
	}
	fclose(f);
	return each_mount(NULL, NULL) > 0 && pages * kib / 1024 >= mib;
}

/* Who has it locked uses it. */
static void remove_unused(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(dir, name, 0);
	close(fd);
}

static void reclaim_in(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, prefix, len) == 0 &&
			strncmp(e->d_name + len, "map_", 4) == 0)
			remove_unused(dirfd(d), e->d_name);
	closedir(d);
}

void hugepages_reclaim(const char *file_prefix)
{
	if (file_prefix[0])
		each_mount(reclaim_in, file_prefix);
}
