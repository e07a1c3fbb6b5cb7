/*
 * In `poll: busy`, with UDP and TCP mixed, rx and worker take no lock, allocate nothing and make no
 * system call. malloc and the pthread locks are interposed by this program; system calls are
 * watched by a seccomp filter on the lcores themselves, which tells this process of each one and
 * lets it pass. Run as `test_hotpath LOGS`.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "dataplane/lcore.h"
#include "tests/unit/dp/rig.h"

static struct rig rig;
static uint64_t logs_wanted;

/* ---- interposition ---- */

static _Thread_local bool is_lcore;
static _Atomic bool watching;
static _Atomic uint64_t mallocs, locks, syscalls_seen;
static _Atomic long last_syscall;

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t m);
extern void *__libc_realloc(void *p, size_t n);
extern void __libc_free(void *p);

static void count(_Atomic uint64_t *what)
{
	if (is_lcore && atomic_load_explicit(&watching, memory_order_relaxed))
		atomic_fetch_add(what, 1);
}

void *malloc(size_t n)
{
	count(&mallocs);
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t m)
{
	count(&mallocs);
	return __libc_calloc(n, m);
}

void *realloc(void *p, size_t n)
{
	count(&mallocs);
	return __libc_realloc(p, n);
}

void free(void *p)
{
	count(&mallocs);
	__libc_free(p);
}

#define INTERPOSE_LOCK(name, type)                                                                 \
	int name(type *lock)                                                                       \
	{                                                                                          \
		static int (*real)(type *);                                                        \
                                                                                                   \
		count(&locks);                                                                     \
		if (!real)                                                                         \
			real = (int (*)(type *))dlsym(RTLD_NEXT, #name);                           \
		return real(lock);                                                                 \
	}

INTERPOSE_LOCK(pthread_mutex_lock, pthread_mutex_t)
INTERPOSE_LOCK(pthread_spin_lock, pthread_spinlock_t)
INTERPOSE_LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
INTERPOSE_LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)

/* ---- system calls ---- */

static int listeners[DP_MAX_LCORES];
static unsigned listeners_count;

static void *listen_for_calls(void *arg)
{
	int fd = *(int *)arg;

	for (;;) {
		struct seccomp_notif req = {0};
		struct seccomp_notif_resp resp = {0};

		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) != 0) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			return NULL;
		}
		if (atomic_load(&watching)) {
			atomic_fetch_add(&syscalls_seen, 1);
			atomic_store(&last_syscall, req.data.nr);
		}
		resp.id = req.id;
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp) != 0 && errno != ENOENT)
			return NULL;
	}
}

static void watch_lcore(struct lcore *l, void *arg)
{
	struct sock_filter tell[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
	struct sock_fprog prog = {1, tell};

	(void)l;
	is_lcore = true;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	*(int *)arg = (int)syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

static void sleep_once(struct lcore *l, void *arg)
{
	(void)l;
	*(void **)arg = malloc(10);
	free(*(void **)arg);
	syscall(SYS_getppid);
}

static int start(void **state)
{
	(void)state;
	rig_start(&rig, &(struct rig_options){.lcores = RIG_APART, .busy = true});
	for (unsigned i = 0; i < rig.dp->lcores_count; i++) {
		pthread_t t;

		assert_int_equal(lcore_run(rig.dp->lcores[i], watch_lcore, &listeners[i]), 0);
		assert_true(listeners[i] >= 0);
		listeners_count++;
		assert_int_equal(pthread_create(&t, NULL, listen_for_calls, &listeners[i]), 0);
		pthread_detach(t);
	}
	return 0;
}

/* The test of the test: what it looks for would be seen. */
static void a_call_and_an_allocation_are_seen(void **state)
{
	void *p;

	(void)state;
	atomic_store(&watching, true);
	assert_int_equal(lcore_run(rig.dp->lcores[0], sleep_once, &p), 0);
	atomic_store(&watching, false);
	/* malloc makes some of its own, to begin with. */
	assert_true(atomic_exchange(&syscalls_seen, 0) >= 1);
	assert_int_equal(atomic_load(&last_syscall), SYS_getppid);
	assert_int_equal(atomic_exchange(&mallocs, 0), 2);
}

static void logs_cost_no_lock_no_allocation_and_no_system_call(void **state)
{
	static char lines[16][700];
	struct rig_tcp tcp[4];
	uint64_t sent = 0;

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		int n = snprintf(lines[i], sizeof(lines[i]),
			"<189>date=2026-11-21 time=10:00:%02u devid=\"FGT60F0000000001\" ", i);

		memset(lines[i] + n, 'a' + (int)i, sizeof(lines[i]) - (size_t)n);
		lines[i][300 + 20 * i] = '\n';
	}
	for (uint16_t i = 0; i < 4; i++)
		rig_tcp_open(&rig, &tcp[i], (uint8_t)(40 + i), (uint16_t)(6000 + i), 514);
	/* The first round of everything is over: devices known, blocks taken. */
	atomic_store(&watching, true);
	for (uint64_t i = 0; sent < logs_wanted; i++) {
		for (unsigned k = 0; k < 16; k++) {
			uint32_t len = 301 + 20 * k;

			rig_udp(&rig, (uint8_t)(10 + k), 5000, 514, lines[k], len);
			assert_true(rig_tcp_send(&rig, &tcp[k % 4], lines[k], len));
			sent += 2;
		}
		/* Whatever is lost to a full ring or for want of a block would be counted; here the
		 * sender waits for the receiver, so that nothing is. */
		if (i % 64 == 0)
			rig_wait_frames(&rig);
	}
	rig_wait_stored(&rig, sent);
	atomic_store(&watching, false);
	for (unsigned i = 0; i < 4; i++) {
		rig_tcp_close(&rig, &tcp[i]);
		rig_tcp_end(&rig, &tcp[i]);
	}
	rig_check_equations(&rig);
	if (atomic_load(&syscalls_seen))
		fail_msg("%lu system calls, the last number %ld", atomic_load(&syscalls_seen),
			atomic_load(&last_syscall));
	assert_int_equal(atomic_load(&mallocs), 0);
	assert_int_equal(atomic_load(&locks), 0);
}

static int stop(void **state)
{
	(void)state;
	rig_stop(&rig);
	rig_clean(&rig);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_and_an_allocation_are_seen),
		cmocka_unit_test(logs_cost_no_lock_no_allocation_and_no_system_call),
	};

	logs_wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	return cmocka_run_group_tests(tests, start, stop);
}
