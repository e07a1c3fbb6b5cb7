/* The names of a session's certificate, as they are told to people. */
#include "dataplane/session_protocol.h"

#include <stdio.h>
#include <string.h>

static bool is_named_before(const struct tls_peer *peer, const char *name)
{
	for (const char *other = peer->names; other < name; other += strlen(other) + 1)
		if (strcmp(other, name) == 0)
			return true;
	return false;
}

/* All of its names, or those that are legal serials; each once. */
static void list_names(
	const struct tls_peer *peer, const struct auth_snapshot *legal_by, char *to, size_t size)
{
	size_t n = 0;

	to[0] = 0;
	for (const char *name = peer->names; *name && n < size; name += strlen(name) + 1)
		if ((!legal_by || auth_serial_legal(legal_by, name)) &&
			!is_named_before(peer, name))
			n += (size_t)snprintf(to + n, size - n, "%s%s", n ? ", " : "", name);
}

void session_legal_names(
	const struct tls_peer *peer, const struct dp_policy *pol, char *to, size_t size)
{
	list_names(peer, pol->auth, to, size);
}

void session_no_legal_name(
	const struct tls_peer *peer, const struct dp_policy *pol, char *to, size_t size)
{
	char names[AUTH_TEXT];

	list_names(peer, NULL, names, sizeof(names));
	if (!names[0])
		snprintf(to, size, "the certificate has neither a CN nor a name in its SAN");
	else if (!pol->tls_name_serial)
		snprintf(to, size, "listen.tls-names has no serial: not looked at were %s", names);
	else
		snprintf(to, size, "no serial number by auth.serial-pattern is %s", names);
}
