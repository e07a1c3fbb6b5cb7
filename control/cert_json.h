/* Between the files that answer about certificates (m_cert*.c). */
#ifndef SLUICE_CONTROL_CERT_JSON_H
#define SLUICE_CONTROL_CERT_JSON_H

#include "control/method.h"

/* Seconds since 1970 as time_json() has nanoseconds; 0 and before: null. */
json_t *time_s_json(int64_t s);

/* As cert.list has it. */
json_t *cert_json(const struct control *c, const struct stored *s);
/* What would stumble, as it is now: [{level, reason, text}]; of a CRL, within the hour. */
json_t *cert_findings_json(struct control *c, struct stored *s);
json_t *cert_report_json(const struct cert_report *r);

/* "identity /O=x/CN=y 12ab..." for the audit. */
void cert_describe(const struct stored *s, char *text, size_t size);
/* The same of what is not stored (yet): the first of `count`. A CRL with its number and date. */
void cert_describe_facts(
	enum store_kind kind, const struct cert_facts *f, unsigned count, char *text, size_t size);
void cert_event(
	struct control *c, const char *what, const char *name, const char *about, const char *who);

/* The one of this name, or NULL after call_fail(). */
struct stored *cert_wanted(struct call *call, const char *name);

/* May something have this name? false after call_invalid(). */
bool cert_name_fine(struct call *call, const char *name);

/* Stores it with its audit, what was before and what is `after`; -1 after call_fail(). The caller
 * tells lcores (trust_changed()). */
int cert_put(struct call *call, const char *name, enum store_kind kind, const char *pem,
	const char *key_pem, const char *after);

/* How it is judged, with the anchors and CRLs that there are: cert_judge_free() after use. */
struct cert_judge cert_judge_of(
	struct control *c, enum cert_role role, const struct cert_bundle *b);
void cert_judge_free(struct cert_judge *j);

#endif
