/*
 * Who is at the other end of the control socket, and what that one may do. Rights come from the
 * kernel's word alone (SO_PEERCRED, SO_PEERGROUPS: what was so when the peer connected): root, the
 * user that sluiced was started by, and members of `sluice-admin` may change things; members of
 * `sluice` may read; nobody else may do anything.
 */
#ifndef SLUICE_CONTROL_PEER_H
#define SLUICE_CONTROL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#define PEER_ADMIN_GROUP "sluice-admin"
#define PEER_READ_GROUP	 "sluice"

enum role { ROLE_NONE, ROLE_READ, ROLE_WRITE };
const char *role_name(enum role r);

struct peer {
	pid_t pid;
	uid_t uid;
	enum role role;
};

/* The numbers behind the names, looked up once: a directory service that is slow must not stop
 * the control thread for each client. */
struct peer_rules {
	uid_t starter; /* who started sluiced, before it dropped root */
	bool has_admin, has_read;
	gid_t admin, read;
};
void peer_rules_load(struct peer_rules *rules);

/* The role of a user with these groups (primary one included). Pure. */
enum role peer_role(
	const struct peer_rules *rules, uid_t uid, const gid_t *groups, unsigned groups_count);

/* Asks the kernel about a connected Unix socket. 0, or -1 with errno. */
int peer_of_socket(int fd, const struct peer_rules *rules, struct peer *out);

/* "root", or "uid 1234" where that user has no name. */
void peer_user_name(uid_t uid, char *name, size_t size);

#endif
