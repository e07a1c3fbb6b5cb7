/* Who may speak on the socket, and the socket itself: strangers, roles, mode, one that is in the
 * way. */
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/client.h"
#include "tests/unit/control/harness.h"

static void a_stranger_is_told_once_and_closed(void **state)
{
	struct harness *h = *state;
	int fd;
	json_t *v;

	h->role = ROLE_NONE;
	fd = harness_connect(h);
	harness_send(fd, HARNESS_VERSION_REQUEST HARNESS_VERSION_REQUEST);
	v = harness_read(h, fd);
	assert_number(v, "id", 1);
	assert_text(v, "error.data.reason", "no_right");
	json_decref(v);
	shutdown(fd, SHUT_WR);
	assert_true(harness_closed(h, fd));
	close(fd);
}

static void strangers_do_not_keep_out_those_with_a_right(void **state)
{
	struct harness *h = *state;
	int fds[SERVER_MAX_STRANGERS + 1];

	h->role = ROLE_NONE;
	for (int i = 0; i <= SERVER_MAX_STRANGERS; i++)
		fds[i] = harness_connect(h);
	harness_settle(h);
	assert_int_equal(server_clients(h->c->server), SERVER_MAX_STRANGERS);
	assert_true(harness_closed(h, fds[SERVER_MAX_STRANGERS]));
	h->role = ROLE_READ;
	json_decref(harness_result(h, "version", NULL));
	for (int i = 0; i <= SERVER_MAX_STRANGERS; i++)
		close(fds[i]);
}

/* In a child, as `uid` with one more group: asks for the version and ends with the status below. */
enum { CHILD_SERVED = 10, CHILD_NO_RIGHT = 11, CHILD_BROKEN = 12 };

static void child(const char *path, uid_t uid, gid_t group)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char answer[4096] = "";
	size_t n = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (setgroups(1, &group) != 0 || setresgid(uid, uid, uid) != 0 ||
		setresuid(uid, uid, uid) != 0 ||
		connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
		write(fd, HARNESS_VERSION_REQUEST, strlen(HARNESS_VERSION_REQUEST)) !=
			(ssize_t)strlen(HARNESS_VERSION_REQUEST))
		_exit(CHILD_BROKEN);
	while (n < sizeof(answer) - 1 && !strchr(answer, '\n')) {
		ssize_t got = read(fd, answer + n, sizeof(answer) - 1 - n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (strstr(answer, "\"no_right\""))
		_exit(CHILD_NO_RIGHT);
	_exit(strstr(answer, "\"result\"") ? CHILD_SERVED : CHILD_BROKEN);
}

static int as_user(struct harness *h, uid_t uid, gid_t group)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		child(h->socket, uid, group);
	while (waitpid(pid, &status, WNOHANG) == 0)
		assert_int_equal(control_round(h->c, 1000), 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_kernel_says_who_a_client_is(void **state)
{
	struct harness *h = *state;
	const uid_t nobody = 65534;

	if (geteuid() != 0)
		fail_msg("needs root: it becomes other users");
	h->real_peer = true;
	h->c->rules.has_read = h->c->rules.has_admin = true;
	h->c->rules.read = 54321;
	h->c->rules.admin = 54322;
	assert_int_equal(as_user(h, nobody, 54320), CHILD_NO_RIGHT);
	assert_int_equal(as_user(h, nobody, 54321), CHILD_SERVED);
	assert_int_equal(as_user(h, nobody, 54322), CHILD_SERVED);
	assert_int_equal(as_user(h, 0, 0), CHILD_SERVED);
}

static void roles_follow_from_user_and_groups(void **state)
{
	struct peer_rules r = {
		.starter = 1000, .has_admin = true, .has_read = true, .admin = 50, .read = 60};
	const gid_t none[] = {1, 2}, read[] = {1, 60}, admin[] = {60, 50};

	(void)state;
	assert_int_equal(peer_role(&r, 0, none, 2), ROLE_WRITE);
	assert_int_equal(peer_role(&r, 1000, none, 2), ROLE_WRITE);
	assert_int_equal(peer_role(&r, 7, none, 2), ROLE_NONE);
	assert_int_equal(peer_role(&r, 7, read, 2), ROLE_READ);
	assert_int_equal(peer_role(&r, 7, admin, 2), ROLE_WRITE);
	/* A group that does not exist is nobody's, whatever its number would be. */
	r.has_admin = r.has_read = false;
	assert_int_equal(peer_role(&r, 7, admin, 2), ROLE_NONE);
}

static void the_socket_is_everybodys_and_goes_at_the_end(void **state)
{
	struct harness *h = *state;
	struct stat st;

	assert_int_equal(stat(h->socket, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0666);
	harness_stop(h);
	assert_int_equal(stat(h->socket, &st), -1);
}

static unsigned modes_by_name;

/* In libc's place: nobody may set a mode by a name that may be another file's by then. */
int chmod(const char *path, mode_t mode)
{
	modes_by_name++;
	return fchmodat(AT_FDCWD, path, mode, 0);
}

static void the_sockets_mode_is_its_own_whatever_the_umask_is(void **state)
{
	struct harness *h = *state;
	static const mode_t masks[] = {0, 022, 077, 0777};
	char err[256];
	struct stat st;
	mode_t before = umask(0);

	harness_stop(h);
	modes_by_name = 0;
	for (unsigned i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		struct server *s;

		umask(masks[i]);
		s = server_bind(h->socket, (uid_t)-1, (gid_t)-1, err, sizeof(err));
		assert_non_null(s);
		assert_int_equal(stat(h->socket, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0666);
		assert_int_equal(umask(masks[i]), masks[i]); /* it is left as it was */
		server_free(s);
		/* Also where it fails. */
		assert_null(server_bind(
			"/proc/nowhere/control.sock", (uid_t)-1, (gid_t)-1, err, sizeof(err)));
		assert_contains(err, "No such file");
		assert_int_equal(umask(masks[i]), masks[i]);
	}
	umask(before);
	assert_int_equal(modes_by_name, 0);
}

static void a_socket_of_a_dead_process_is_replaced_a_live_one_not(void **state)
{
	struct harness *h = *state;
	char err[256], pid[32];
	struct server *s;
	struct stat st;
	int fd;

	s = server_bind(h->socket, (uid_t)-1, (gid_t)-1, err, sizeof(err));
	assert_null(s);
	snprintf(pid, sizeof(pid), "in use by process %d", (int)getpid());
	assert_contains(err, h->socket);
	assert_contains(err, pid);
	harness_stop(h);

	/* Left behind: bound, and nobody listens. */
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", h->socket);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	s = server_bind(h->socket, (uid_t)-1, (gid_t)-1, err, sizeof(err));
	assert_non_null(s);
	/* Somebody else's by now: it stays. */
	unlink(h->socket);
	fd = open(h->socket, O_CREAT | O_WRONLY, 0600);
	close(fd);
	server_free(s);
	assert_int_equal(stat(h->socket, &st), 0);
	/* And what is no socket is not replaced. */
	assert_null(server_bind(h->socket, (uid_t)-1, (gid_t)-1, err, sizeof(err)));
	assert_contains(err, "is no socket");
}

static void a_socket_that_cannot_be_is_refused_by_name(void **state)
{
	char err[256], path[160];
	(void)state;

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_null(server_bind(path, (uid_t)-1, (gid_t)-1, err, sizeof(err)));
	assert_contains(err, "longer than 107 bytes");
	assert_null(server_bind(
		"/nonexistent/deep/control.sock", (uid_t)-1, (gid_t)-1, err, sizeof(err)));
	assert_contains(err, "/nonexistent/deep/control.sock: No such file or directory");
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_stranger_is_told_once_and_closed),
		T(strangers_do_not_keep_out_those_with_a_right),
		T(the_kernel_says_who_a_client_is),
		cmocka_unit_test(roles_follow_from_user_and_groups),
		T(the_socket_is_everybodys_and_goes_at_the_end),
		T(the_sockets_mode_is_its_own_whatever_the_umask_is),
		T(a_socket_of_a_dead_process_is_replaced_a_live_one_not),
		cmocka_unit_test(a_socket_that_cannot_be_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
