/* The node's own identity: there from the first start, with its serial number as the common name.
 */
#include <stdio.h>
#include <string.h>

#include "control/control.h"
#include "tls/ca.h"

#define NODE_DAYS 3650

/* Is what we have ours, of this serial and of this authority? */
static bool up_to_date(struct control *c, const struct stored *node, const struct stored *ca)
{
	if (!node)
		return false;
	if (strcmp(node->who, CERTSTORE_OWN) != 0)
		return true; /* an operator's, whatever it says */
	return node->kind == STORE_IDENTITY && strcmp(node->facts.cn, c->serial) == 0 &&
	       strcmp(node->facts.issuer, ca ? ca->facts.subject : node->facts.subject) == 0;
}

static const struct stored *authority_of(struct control *c)
{
	const struct stored *own = certstore_find(&c->trust.certs, "ca");

	return own && own->kind == STORE_CA ? own : NULL;
}

bool trust_node_up_to_date(struct control *c)
{
	return up_to_date(c, certstore_find(&c->trust.certs, CERTSTORE_NODE), authority_of(c));
}

int trust_make_node(struct control *c, char *err, size_t err_size)
{
	struct certstore *certs = &c->trust.certs;
	const struct stored *node = certstore_find(certs, CERTSTORE_NODE);
	const struct stored *ca = authority_of(c);
	struct ca_pair authority = {0}, made;
	const struct ca_order order = {
		.cn = c->serial,
		.kind = "p-256",
		.days = NODE_DAYS,
		.now_s = (int64_t)(clock_wall_ns() / 1000000000u),
		.server = true,
	};
	const struct peer self = {.uid = geteuid(), .pid = getpid(), .role = ROLE_WRITE};
	struct store_order put = {
		.name = CERTSTORE_NODE, .kind = STORE_IDENTITY, .who = CERTSTORE_OWN};
	struct audit_row audit;
	char name[64];
	int rc;

	if (up_to_date(c, node, ca))
		return 0;
	if (ca) {
		authority.cert_pem = ca->pem;
		authority.key_pem = certstore_key(certs, ca);
		if (!authority.key_pem) {
			snprintf(err, err_size, "%s", certs->error);
			return -1;
		}
	}
	rc = ca_issue(ca ? &authority : NULL, &order, &made, err, err_size);
	cert_wipe(authority.key_pem);
	if (rc != 0)
		return -1;
	control_audit_row(&audit, name, &self, "cert.issue", CERTSTORE_NODE,
		node ? node->facts.subject : "", c->serial);
	put.pem = made.cert_pem;
	put.key_pem = made.key_pem;
	put.audit = &audit;
	rc = certstore_put(certs, &put);
	if (rc != 0)
		snprintf(err, err_size, "%s", certs->error);
	ca_pair_free(&made);
	return rc;
}

const char *trust_remake_node(struct control *c, char *err, size_t err_size)
{
	char why[300];

	if (trust_make_node(c, why, sizeof(why)) == 0)
		return NULL;
	snprintf(err, err_size, "the node's own certificate %s: %s",
		certstore_find(&c->trust.certs, CERTSTORE_NODE)
			? "is as it was"
			: "is missing, and made with the next start",
		why);
	alarm_raise(&c->alarms, "tls_failed", CERTSTORE_NODE, "%s", err);
	return err;
}
