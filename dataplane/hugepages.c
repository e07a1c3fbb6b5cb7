#include "dataplane/hugepages.h"

#include <dirent.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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
	unsigned long pages = 0, promised = 0, kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");
	char line[160];

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "HugePages_Free:", 15) == 0)
			pages = strtoul(line + 15, NULL, 10);
		if (strncmp(line, "HugePages_Rsvd:", 15) == 0)
			promised = strtoul(line + 15, NULL, 10);
		if (strncmp(line, "Hugepagesize:", 13) == 0)
			kib = strtoul(line + 13, NULL, 10);
	}
	fclose(f);
	return each_mount(NULL, NULL) > 0 && pages >= promised &&
	       (pages - promised) * kib / 1024 >= mib;
}

/* Who has it locked uses it. */
static void remove_unused(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(dir, name, 0);
	close(fd);
}

/* EAL's name for a page: the prefix, "map_", a number. */
static bool is_page_of(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && strncmp(name + len, "map_", 4) == 0 &&
	       name[len + 4] != 0 && name[len + 4 + strspn(name + len + 4, "0123456789")] == 0;
}

void hugepages_reclaim_in(const char *dir, const char *file_prefix)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return;
	/* EAL holds this while it starts: a file that it has made and not yet locked is in use. */
	if (flock(dirfd(d), LOCK_EX) == 0)
		while ((e = readdir(d)) != NULL)
			if (is_page_of(e->d_name, file_prefix))
				remove_unused(dirfd(d), e->d_name);
	closedir(d);
}

void hugepages_reclaim(const char *file_prefix)
{
	if (file_prefix[0])
		each_mount(hugepages_reclaim_in, file_prefix);
}
