/* Away with root: in children, since it cannot be undone. */
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/privileges.h"
#include "tests/unit/control/harness.h"

static struct privileges nobody(void)
{
	struct privileges p;

	privileges_look_up(&p, "nobody");
	assert_true(p.root);
	assert_true(p.found);
	return p;
}

/* Runs `fn` in a child; what it did wrong is its exit status, a line number. */
static void in_child(int (*fn)(const struct privileges *p))
{
	const struct privileges p = nobody();
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(fn(&p));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("child: status %x, line %d (mod 256)", status, WEXITSTATUS(status));
}

#define want(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			return __LINE__ % 256;                                                     \
	} while (0)

static bool has(cap_value_t v, cap_flag_t flag)
{
	cap_t c = cap_get_proc();
	cap_flag_value_t set = CAP_CLEAR;

	cap_get_flag(c, v, flag, &set);
	cap_free(c);
	return set == CAP_SET;
}

static int drops(const struct privileges *p)
{
	char err[256], text[256];
	gid_t groups[8];

	privileges_prepare();
	want(geteuid() == 0 && has(CAP_NET_ADMIN, CAP_EFFECTIVE));
	want(privileges_drop(p, err, sizeof(err)) == 0);
	want(getuid() == p->uid && geteuid() == p->uid && getgid() == p->gid &&
		getegid() == p->gid);
	want(getgroups(8, groups) == 1 && groups[0] == p->gid);
	want(has(CAP_NET_ADMIN, CAP_EFFECTIVE) && has(CAP_IPC_LOCK, CAP_EFFECTIVE));
	for (cap_value_t c = 0; c < 40; c++)
		if (c != CAP_NET_ADMIN && c != CAP_IPC_LOCK)
			want(!has(c, CAP_EFFECTIVE) && !has(c, CAP_PERMITTED) &&
				!has(c, CAP_INHERITABLE));
	want(setuid(0) != 0 && seteuid(0) != 0 && setgid(0) != 0);
	want(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	want(cap_get_bound(CAP_SYS_ADMIN) == 0);
	want(open("/etc/shadow", O_RDONLY) < 0);
	privileges_text(text, sizeof(text));
	want(strstr(text, "cap_net_admin") && strstr(text, "cap_ipc_lock"));
	privileges_drop_thread();
	want(!has(CAP_NET_ADMIN, CAP_PERMITTED) && !has(CAP_IPC_LOCK, CAP_PERMITTED));
	return 0;
}

static void the_process_becomes_the_user_and_cannot_come_back(void **state)
{
	(void)state;
	in_child(drops);
}

struct meeting {
	pthread_barrier_t before, after;
	int wrong;
};

/* A thread from before, like an lcore. */
static void *bystander(void *arg)
{
	struct meeting *m = arg;

	pthread_barrier_wait(&m->before);
	pthread_barrier_wait(&m->after);
	for (cap_value_t c = 0; c < 40; c++)
		if (has(c, CAP_PERMITTED) || has(c, CAP_EFFECTIVE))
			m->wrong = __LINE__;
	if (geteuid() == 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		m->wrong = __LINE__;
	return NULL;
}

static int others(const struct privileges *p)
{
	struct meeting m = {.wrong = 0};
	char err[256];
	pthread_t t;

	privileges_prepare();
	pthread_barrier_init(&m.before, NULL, 2);
	pthread_barrier_init(&m.after, NULL, 2);
	want(pthread_create(&t, NULL, bystander, &m) == 0);
	pthread_barrier_wait(&m.before);
	want(privileges_drop(p, err, sizeof(err)) == 0);
	pthread_barrier_wait(&m.after);
	pthread_join(t, NULL);
	return m.wrong % 256;
}

static void threads_that_there_were_lose_everything(void **state)
{
	(void)state;
	in_child(others);
}

static void a_user_that_is_not_there_is_not_found(void **state)
{
	struct privileges p;

	(void)state;
	privileges_look_up(&p, "no-such-user-here");
	assert_false(p.found);
	privileges_look_up(&p, "root"); /* is no one to become */
	assert_false(p.found);
}

static uid_t owner(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_uid;
}

static void touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void files_are_given_and_what_is_not_theirs_is_not(void **state)
{
	const struct privileges p = nobody();
	char dir[] = "/tmp/sluice-give-XXXXXX", err[256];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("journal", 0700), 0);
	assert_int_equal(mkdir("journal/torn", 0700), 0);
	touch("journal/0000000000000001.zst");
	touch("journal/torn/x");
	touch("outside");
	touch("named-twice");
	assert_int_equal(symlink("../outside", "journal/link"), 0);
	assert_int_equal(link("named-twice", "journal/hard"), 0);
	assert_int_equal(privileges_give(&p, "journal", err, sizeof(err)), 0);
	assert_int_equal(owner("journal"), p.uid);
	assert_int_equal(owner("journal/torn"), p.uid);
	assert_int_equal(owner("journal/0000000000000001.zst"), p.uid);
	assert_int_equal(owner("journal/torn/x"), p.uid);
	assert_int_equal(owner("outside"), 0);
	assert_int_equal(owner("named-twice"), 0);
	assert_int_equal(owner("."), 0);
	assert_int_equal(privileges_give_one(&p, "outside", err, sizeof(err)), 0);
	assert_int_equal(owner("outside"), p.uid);
	assert_int_equal(privileges_give_one(&p, "missing", err, sizeof(err)), 0);
	assert_int_equal(privileges_give(&p, "missing", err, sizeof(err)), -1);
	assert_string_equal(err, "cannot open missing: No such file or directory");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(system("rm -rf /tmp/sluice-give-*"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_process_becomes_the_user_and_cannot_come_back),
		cmocka_unit_test(threads_that_there_were_lose_everything),
		cmocka_unit_test(a_user_that_is_not_there_is_not_found),
		cmocka_unit_test(files_are_given_and_what_is_not_theirs_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
