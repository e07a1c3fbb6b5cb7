/* Who would be refused if an anchor were trusted no more: asked before it is deleted or replaced.
 */
#ifndef SLUICE_CONTROL_DEPENDENTS_H
#define SLUICE_CONTROL_DEPENDENTS_H

#include "control/certstore.h"
#include "control/method.h"

#define DEPENDENTS_NAMES 100			  /* bytes of devices' names, as many as fit */
#define DEPENDENTS_TEXT	 (DEPENDENTS_NAMES + 160) /* of dependents_tell() */

struct anchors {
	unsigned count, room;
	struct anchor *v;
	bool failed; /* out of memory */
};

/* Zeroed by who has it; dependents_free() after use. */
struct dependents {
	struct anchors go, stay; /* without those that have expired; that stay are valid now */
	const char *other;	 /* an entry that has all that goes; NULL: none has */
	unsigned count;		 /* devices that would be refused, as far as can be told */
	unsigned itself;	 /* of these: not if they show themselves what goes */
	unsigned below;		 /* of these: not if of the intermediate of their issuer's name
				    that stays; only its name is known of theirs */
	unsigned named;
	char names[DEPENDENTS_NAMES]; /* the first few */
};

/* Who depends on the stored `s`, when `instead` comes in its place (NULL: nothing does). false
 * after call_fail(): out of memory, or the registry failed. */
bool dependents_find(struct call *call, const struct stored *s, const struct cert_bundle *instead,
	struct dependents *d);

/* "2 devices would be refused as wrong_ca: A, B." */
void dependents_tell(const struct dependents *d, char *text, size_t size);

void dependents_free(struct dependents *d);

/* Refuses what would shut devices out as not_sure, unless the call is `sure`: that the anchors of
 * `s` go, or that `instead` comes in their place. true after call_fail(). */
bool dependents_ask(struct call *call, const struct stored *s, const struct cert_bundle *instead);

#endif
