#include "control/peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

const char *role_name(enum role r)
{
	return r == ROLE_WRITE ? "write" : r == ROLE_READ ? "read" : "none";
}

static bool group_number(const char *name, gid_t *gid)
{
	char buf[16384];
	struct group gr, *found = NULL;

	if (getgrnam_r(name, &gr, buf, sizeof(buf), &found) != 0 || !found)
		return false;
	*gid = gr.gr_gid;
	return true;
}

void peer_rules_load(struct peer_rules *rules)
{
	rules->has_admin = group_number(PEER_ADMIN_GROUP, &rules->admin);
	rules->has_read = group_number(PEER_READ_GROUP, &rules->read);
}

enum role peer_role(
	const struct peer_rules *rules, uid_t uid, const gid_t *groups, unsigned groups_count)
{
	enum role role = ROLE_NONE;

	if (uid == 0 || uid == rules->starter)
		return ROLE_WRITE;
	for (unsigned i = 0; i < groups_count; i++) {
		if (rules->has_admin && groups[i] == rules->admin)
			return ROLE_WRITE;
		if (rules->has_read && groups[i] == rules->read)
			role = ROLE_READ;
	}
	return role;
}

int peer_of_socket(int fd, const struct peer_rules *rules, struct peer *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	gid_t *groups = NULL;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return -1;
	*out = (struct peer){.pid = cred.pid, .uid = cred.uid};
	len = 64 * sizeof(*groups);
	for (;;) {
		gid_t *more = realloc(groups, len + sizeof(*groups));

		if (!more) {
			free(groups);
			return -1;
		}
		groups = more;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
			break;
		if (errno != ERANGE) { /* else `len` says now how much is needed */
			free(groups);
			return -1;
		}
	}
	groups[len / sizeof(*groups)] = cred.gid;
	out->role = peer_role(rules, cred.uid, groups, (unsigned)(len / sizeof(*groups)) + 1);
	free(groups);
	return 0;
}

void peer_user_name(uid_t uid, char *name, size_t size)
{
	char buf[16384];
	struct passwd pw, *found = NULL;

	if (getpwuid_r(uid, &pw, buf, sizeof(buf), &found) == 0 && found)
		snprintf(name, size, "%s", found->pw_name);
	else
		snprintf(name, size, "uid %u", (unsigned)uid);
}
