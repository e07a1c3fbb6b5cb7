/*
 * From root to the user `sluice` once the ports have started: from then on no byte from outside is
 * parsed by a thread that has any right of root.
 *
 * What remains: the control thread alone keeps CAP_NET_ADMIN (the kernel-backed ports, tap,
 * af_packet and af_xdp, change their interface by netlink when they stop or change MTU, flags or
 * addresses) and CAP_IPC_LOCK (EAL pins memory that it adds or maps for vfio while running).
 * lcores, the journal's threads, EAL's own threads and the reader threads hold none: Linux clears
 * a thread's capabilities when its user ids leave 0, and the exception (PR_SET_KEEPCAPS) is set for
 * the control thread only. Nothing can be gained back: no_new_privs, locked securebits, an empty
 * bounding set.
 */
#ifndef SLUICE_CONTROL_PRIVILEGES_H
#define SLUICE_CONTROL_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PRIVILEGES_USER	 "sluice"
#define PRIVILEGES_OTHER "nobody" /* where there is no user `sluice`: anybody but root */
#define PRIVILEGES_STATE_DIR                                                                       \
	"/var/lib/sluice" /* is chowned itself; other directories' parents not */

struct privileges {
	bool root;  /* we run as root */
	bool found; /* there is such a user */
	uid_t uid;  /* of the user; -1 where not found */
	gid_t gid;
	const char *user; /* as asked for */
};
/* `user` is kept by reference. */
void privileges_look_up(struct privileges *p, const char *user);
/* Whom to become: `sluice`, else `nobody`, else none is found. */
void privileges_choose(struct privileges *p);

/* At the very start, before any thread is made: all of them inherit it. What the process may do
 * itself stays, what it could gain by an exec goes. */
void privileges_prepare(void);

/*
 * Gives a directory, the directories in it and their files to the user; nothing that is a symbolic
 * link, has several names, or lies on another file system. 0, or -1 with `err`.
 */
int privileges_give(const struct privileges *p, const char *dir, char *err, size_t err_size);
/* One file or directory, if it exists. */
int privileges_give_one(const struct privileges *p, const char *path, char *err, size_t err_size);

/* Of the whole process; `p` must be root and found. 0, or -1 with `err`, and then the process must
 * not go on: it may be half-way. */
int privileges_drop(const struct privileges *p, char *err, size_t err_size);

/* Of the calling thread: all that is left. */
void privileges_drop_thread(void);

/* The capabilities that the calling thread has, e.g. "cap_net_admin,cap_ipc_lock=ep". */
void privileges_text(char *text, size_t size);

#endif
