/* What is read in a round has its bound, and a spill that cannot be written says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "send/input.h"
#include "send/spill.h"

#define BIG 60000u

static char dir[64], err[400];
static struct spill *spill;
static struct client *client;
static uint8_t logs[OFTP_ITEM_RAW_MAX];

static uint64_t epoch(void *ctx)
{
	(void)ctx;
	return 7;
}

static int start(void **state)
{
	const struct client_config cfg = {
		.serial = "FGT1", .bound = 64u << 20, .window = 4, .random = epoch};

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sluice-spill-XXXXXX");
	memset(logs, 'x', sizeof(logs));
	signal(SIGXFSZ, SIG_IGN);
	client = client_new(&cfg);
	return client && mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	(void)state;
	spill_close(spill);
	spill = NULL;
	client_free(client);
	while (d && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	return rmdir(dir);
}

static void open_spill(void)
{
	struct spill_loaded what;

	spill = spill_open(dir, true, err, sizeof(err));
	assert_non_null(spill);
	assert_int_equal(spill_load(spill, client, &what, err, sizeof(err)), 0);
}

static void limit(rlim_t bytes)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* As the sender adds it. */
static bool add(void)
{
	static uint32_t lengths[OFTP_ITEM_LOGS_MAX];
	const struct client_item item = {
		.logs = logs, .lengths = lengths, .count = OFTP_ITEM_LOGS_MAX};
	struct client_mark m;

	for (uint32_t i = 0; i < OFTP_ITEM_LOGS_MAX; i++)
		lengths[i] = OFTP_ITEM_RAW_MAX / OFTP_ITEM_LOGS_MAX;
	client_add(client, &item);
	client_save(client, &m);
	return spill_add(spill, m.tail - 1, &item, NULL);
}

static void no_room_is_told(void **state)
{
	struct spill_loaded what;
	unsigned n = 0;

	(void)state;
	open_spill();
	limit(65536);
	for (; spill_has_room(spill); n++)
		assert_true(add());
	assert_true(n > 10);
	assert_int_equal(spill_flush(spill, client, false), -EFBIG);
	/* Two more, as said, and the state; then no more. */
	assert_true(add());
	assert_true(add());
	assert_int_equal(spill_flush(spill, client, true), -EFBIG);
	n += 2;
	while (add())
		n++;
	assert_int_equal(spill_flush(spill, client, true), -EFBIG);
	limit(RLIM_INFINITY);
	assert_int_equal(spill_flush(spill, client, true), 0);
	assert_true(spill_has_room(spill));
	assert_true(spill_bytes(spill) > (uint64_t)n * OFTP_ITEM_RAW_MAX);
	spill_close(spill);
	spill = spill_open(dir, true, err, sizeof(err));
	client_free(client);
	client = client_new(&(struct client_config){
		.serial = "FGT1", .bound = 64u << 20, .window = 4, .random = epoch});
	assert_int_equal(spill_load(spill, client, &what, err, sizeof(err)), 0);
	assert_int_equal(what.items, n);
	assert_int_equal(what.torn_bytes + what.bad_bytes, 0);
}

static void a_directory_of_others_is_refused(void **state)
{
	char path[80];

	(void)state;
	assert_int_equal(chmod(dir, 0770), 0);
	assert_null(spill_open(dir, true, err, sizeof(err)));
	assert_non_null(strstr(err, "writable by nobody else"));
	assert_int_equal(chmod(dir, 0702), 0);
	assert_null(spill_open(dir, true, err, sizeof(err)));
	assert_int_equal(chmod(dir, 0755), 0);
	/* A link there leads nowhere. */
	snprintf(path, sizeof(path), "%s/LOCK", dir);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_null(spill_open(dir, true, err, sizeof(err)));
	assert_int_equal(unlink(path), 0);
	open_spill();
}

/* ---- reading ---- */

static struct settings settings;
static uint64_t items, bytes;
static uint64_t full_at; /* items */

static void take(void *ctx, const struct client_item *item, const struct spill_input *from)
{
	(void)ctx;
	(void)from;
	items++;
	for (uint32_t i = 0; i < item->count; i++)
		bytes += item->lengths[i];
}

static uint64_t from_the_beginning(void *ctx, uint64_t dev, uint64_t ino)
{
	(void)ctx;
	(void)dev;
	(void)ino;
	return 0;
}

static bool full(void *ctx)
{
	(void)ctx;
	return items >= full_at;
}

static struct input *reads(int epoll, char *const *paths, int n)
{
	const struct input_config cfg = {.settings = &settings,
		.epoll = epoll,
		.item = take,
		.offset = from_the_beginning,
		.full = full};

	items = bytes = 0;
	full_at = UINT64_MAX;
	return input_new(&cfg, paths, n, err, sizeof(err));
}

/* What sends to it; each has a send buffer of its own. */
static int sender_to(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(to.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static struct input *listens(int epoll)
{
	struct input *in;

	settings_default(&settings);
	snprintf(settings.syslog_socket, sizeof(settings.syslog_socket), "%s/log", dir);
	in = reads(epoll, NULL, 0);
	assert_non_null(in);
	input_run(in, true, true);
	return in;
}

static void loop_once(int epoll)
{
	struct epoll_event ready;
	struct watch *w;

	assert_int_equal(epoll_wait(epoll, &ready, 1, 1000), 1);
	w = ready.data.ptr;
	w->ready(w->ctx, ready.events);
}

static void when_full_datagrams_wait(void **state)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), from;
	struct input *in = listens(epoll);

	(void)state;
	from = sender_to(settings.syslog_socket);
	for (int i = 0; i < 9; i++) /* an item each, since the vdoms differ */
		assert_true(dprintf(from, "vd=\"%d\"", i) > 0);
	loop_once(epoll);
	full_at = 1;
	assert_true(input_run(in, true, true));
	assert_int_equal(items, 2); /* the one that was in the making too */
	assert_true(input_run(in, true, true));
	assert_int_equal(items, 2);
	full_at = UINT64_MAX;
	assert_false(input_run(in, true, true));
	assert_int_equal(items, 9);
	input_free(in);
	close(from);
	close(epoll);
}

static void a_round_takes_so_many_bytes(void **state)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), from[4];
	struct input *in = listens(epoll);
	uint64_t sent = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		from[i] = sender_to(settings.syslog_socket);
		for (int k = 0; k < 2; k++)
			sent += send(from[i], logs, BIG, 0) == BIG ? BIG : 0;
	}
	assert_true(sent >= 6u * BIG);
	loop_once(epoll);
	assert_true(input_run(in, true, true));
	assert_int_equal(bytes, 5 * BIG); /* the first past INPUT_CHUNK is the last */
	assert_false(input_run(in, true, true));
	assert_int_equal(bytes, sent);
	input_free(in);
	for (int i = 0; i < 4; i++)
		close(from[i]);
	close(epoll);
}

static void when_full_a_file_waits(void **state)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), fd;
	char path[80];
	char *const paths[] = {path};
	struct input *in;

	(void)state;
	settings_default(&settings);
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	/* An item each, since the vdoms differ. */
	for (unsigned i = 0; i < 1000; i++)
		dprintf(fd, "vd=\"%u\" %.400s\n", i, (const char *)logs);
	close(fd);
	in = reads(epoll, paths, 1);
	assert_non_null(in);
	for (unsigned round = 1; !input_ended(in); round++) {
		full_at = items + 7;
		assert_true(round < 1000);
		input_run(in, true, false);
		assert_true(items <= full_at + 1);
	}
	assert_int_equal(items, 1000);
	input_free(in);
	close(epoll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_room_is_told, start, end),
		cmocka_unit_test_setup_teardown(a_directory_of_others_is_refused, start, end),
		cmocka_unit_test_setup_teardown(a_round_takes_so_many_bytes, start, end),
		cmocka_unit_test_setup_teardown(when_full_datagrams_wait, start, end),
		cmocka_unit_test_setup_teardown(when_full_a_file_waits, start, end),
	};

	return cmocka_run_group_tests_name("send_spill", tests, NULL, NULL);
}
